//! What a model can say to this target alone, below `targets.haproxy`.

use wsgen_model::decode::Decoder;
use wsgen_model::section;
use wsgen_model::tree::Entry;

section! {
    /// Settings of HAProxy alone.
    whole struct HaproxySettings: Own @ Site {

    }
}

/// Judges the target's own keys.
pub(super) fn check(own: &[Entry], out: &mut Decoder<'_>) {
    let mut settings = HaproxySettings::default();
    for entry in own {
        if !settings.decode_entry(entry, out) {
            out.unknown_key(&entry.key, &HaproxySettings::section());
        }
    }
}
