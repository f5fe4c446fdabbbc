//! What a model can say to this target alone, below `targets.nginx`.

use wsgen_model::decode::Decoder;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::scalar::Whole;
use wsgen_model::section;
use wsgen_model::site::Site;
use wsgen_model::tree::Entry;

section! {
    /// Settings of nginx alone.
    whole struct NginxSettings: Own @ Site {
        /// Worker processes; one for each core where it is not written (nginx, "worker_processes").
        optional workers: Whole<1, 1024> = "auto", TARGET_SETTINGS;
    }
}

/// The number of worker processes that a site asks for.
pub(super) fn workers(site: &Site) -> Option<u64> {
    let mut settings = NginxSettings::default();
    // Judged when the model was checked.
    let mut ignored = Diagnostics::default();
    for entry in site.targets.get(super::TARGET.name).iter().flat_map(|target| &target.value.own) {
        settings.decode_entry(entry, &mut Decoder::new(&mut ignored, true));
    }
    settings.workers.map(|workers| workers.value.get())
}

/// Judges the target's own keys.
pub(super) fn check(own: &[Entry], out: &mut Decoder<'_>) {
    let mut settings = NginxSettings::default();
    for entry in own {
        if !settings.decode_entry(entry, out) {
            out.unknown_key(&entry.key, &NginxSettings::section());
        }
    }
}
