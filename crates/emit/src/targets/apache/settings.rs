//! What a model can say to this target alone, below `targets.apache`.

use wsgen_model::decode::Decoder;
use wsgen_model::diagnostic::Diagnostics;
use wsgen_model::site::Site;
use wsgen_model::tree::Entry;
use wsgen_model::{choice, section};

choice! {
    /// How the server runs its workers (Apache documentation, "Multi-Processing Modules").
    enum Mpm {
        /// Threads that hand idle connections back.
        Event = "event",
        /// A thread for each connection.
        Worker = "worker",
        /// A process for each connection.
        Prefork = "prefork",
    }
}

section! {
    /// Settings of Apache httpd alone.
    whole struct ApacheSettings: Own @ Site {
        /// The multi-processing module.
        optional mpm: Mpm = "event", TARGET_SETTINGS;
    }
}

/// The multi-processing module that a site asks for.
pub(super) fn mpm(site: &Site) -> Mpm {
    let mut settings = ApacheSettings::default();
    // Judged when the model was checked.
    let mut ignored = Diagnostics::default();
    for entry in site.targets.get(super::TARGET.name).iter().flat_map(|target| &target.value.own) {
        settings.decode_entry(entry, &mut Decoder::new(&mut ignored, true));
    }
    settings.mpm.map_or(Mpm::Event, |mpm| mpm.value)
}

/// Judges the target's own keys.
pub(super) fn check(own: &[Entry], out: &mut Decoder<'_>) {
    let mut settings = ApacheSettings::default();
    for entry in own {
        if !settings.decode_entry(entry, out) {
            out.unknown_key(&entry.key, &ApacheSettings::section());
        }
    }
}
