//! What a model can say to this target alone, below `targets.haproxy`.

use wsgen_model::decode::Decoder;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::scalar::Whole;
use wsgen_model::section;
use wsgen_model::site::Site;
use wsgen_model::tree::Entry;

section! {
    /// Settings of HAProxy alone.
    whole struct HaproxySettings: Own @ Site {
        /// Threads; one for each core that it may run on where it is not written (HAProxy, "nbthread").
        optional threads: Whole<1, 64> = "auto", TARGET_SETTINGS;
    }
}

/// The number of threads that a site asks for.
pub(super) fn threads(site: &Site) -> Option<u64> {
    let mut settings = HaproxySettings::default();
    // Judged when the model was checked.
    let mut ignored = Diagnostics::default();
    for entry in site.targets.get(super::TARGET.name).iter().flat_map(|target| &target.value.own) {
        settings.decode_entry(entry, &mut Decoder::new(&mut ignored, true));
    }
    settings.threads.map(|threads| threads.value.get())
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
