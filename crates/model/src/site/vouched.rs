//! Fields that an application may take for the proxy's own word.

use crate::config::ForwardedMode;
use crate::spelling::{FORWARDED_FIELDS, FRAMING_FIELDS, is_same};

use super::{Auth, Forward};

impl Forward {
    /// Returns the names of the fields that the upstream gets from the proxy or not at all: the forwarded family, what
    /// the service of `auth.forward` says, and what `request_headers` sets or removes.
    pub fn vouched(&self) -> impl Iterator<Item = &str> {
        let tells = *self.forwarded.mode != ForwardedMode::Off;
        let forwarded = FORWARDED_FIELDS.into_iter().filter(move |_| tells);
        let copied = match self.auth.as_ref().map(|auth| &auth.value) {
            Some(Auth::Forward { copy_headers, .. }) => copy_headers.as_slice(),
            Some(Auth::Basic { .. }) | None => &[],
        };
        let edit = &self.request_headers;
        let edited = edit.set.iter().map(|(name, _)| name).chain(&edit.remove);
        forwarded.chain(copied.iter().chain(edited).map(|name| name.value.as_str()))
    }

    /// Whether a client's field must not pass, however it is spelled (`forwarded/spelling`).
    pub fn vouches_for(&self, name: &str) -> bool {
        let framing = || {
            let mut known = FRAMING_FIELDS.into_iter();
            known.any(|known| is_same(known, name) && !known.eq_ignore_ascii_case(name))
        };
        framing() || self.vouched().any(|known| is_same(known, name))
    }
}
