//! `wsgen init`.

use std::path::Path;

use crate::args::Preset;
use crate::output::{self, Exit, Failure};

pub(super) fn run(file: &Path, preset: Preset, force: bool) -> Result<Exit, Failure> {
    let text = text(preset);
    if file.as_os_str() == "-" {
        output::print(text)?;
        return Ok(Exit::Success);
    }
    if file.exists() && !force {
        return Err(Failure::new(
            format!("{} is already there", file.display()),
            "name another file, or replace it with --force",
        ));
    }
    output::write_file(file, text.as_bytes(), output::Readers::All)?;
    output::eprint(&format!("wrote {}; judge it with `wsgen check {0}`\n", file.display()));
    Ok(Exit::Success)
}

fn text(preset: Preset) -> &'static str {
    match preset {
        Preset::Minimal => include_str!("../presets/minimal.yaml"),
        Preset::Chat => include_str!("../presets/chat.yaml"),
        Preset::Socketio => include_str!("../presets/socketio.yaml"),
        Preset::Jupyter => include_str!("../presets/jupyter.yaml"),
        Preset::Grafana => include_str!("../presets/grafana.yaml"),
        Preset::HomeAssistant => include_str!("../presets/home-assistant.yaml"),
        Preset::Phoenix => include_str!("../presets/phoenix.yaml"),
        Preset::ActionCable => include_str!("../presets/actioncable.yaml"),
        Preset::DjangoChannels => include_str!("../presets/django-channels.yaml"),
        Preset::Vite => include_str!("../presets/vite.yaml"),
        Preset::NoVnc => include_str!("../presets/novnc.yaml"),
        Preset::CodeServer => include_str!("../presets/code-server.yaml"),
        Preset::N8n => include_str!("../presets/n8n.yaml"),
        Preset::SignalR => include_str!("../presets/signalr.yaml"),
    }
}
