//! Servers of containers. A container of an image runs as long as its cases do; each case starts a server of its own
//! in it, with the host's network (all traffic stays on loopback) and the host's process numbers.

use std::path::Path;
use std::time::{Duration, Instant};

use testcontainers::bollard::Docker;
use testcontainers::core::{ExecCommand, Mount};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, GenericImage, ImageExt};
use wsgen_emit::Recipe;

use super::keeper;
use crate::wire::PATIENCE;

/// A running container; it is removed with its last owner.
#[derive(Debug)]
pub struct Container {
    running: ContainerAsync<GenericImage>,
    /// The image that it was made from.
    pub image: String,
}

/// It sleeps while nothing is asked of it.
const DAY: &str = "86400";

impl Container {
    /// Starts a container of an image that the engine has, with a folder that both sides see under one name. Nothing is
    /// pulled by itself: a missing image is said, with how to get it.
    pub async fn start(image: &str, folder: &Path) -> Result<Self, String> {
        // A registry may have a port: the tag is behind the last slash.
        let tagged = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
        let (name, tag) = tagged.unwrap_or((image, "latest"));
        let engine = Docker::connect_with_defaults();
        let engine = engine.map_err(|error| format!("there is no container engine: {error}"))?;
        engine.ping().await.map_err(|error| {
            format!("no container engine answers ({error}); `bash packaging/images.sh` installs and starts one on Debian")
        })?;
        if engine.inspect_image(&format!("{name}:{tag}")).await.is_err() {
            return Err(format!(
                "the engine has no image {name}:{tag}: `docker pull {name}:{tag}` gets it where there is a registry, \
                 and `bash packaging/images.sh` builds those of Debian's packages"
            ));
        }
        let folder = folder.display().to_string();
        let started = GenericImage::new(name, tag)
            .with_entrypoint("sleep")
            .with_cmd([DAY])
            .with_network("host")
            .with_mount(Mount::bind_mount(folder.clone(), folder))
            .with_host_config_modifier(|host| {
                host.pid_mode = Some("host".to_owned());
                host.init = Some(true);
            })
            .start()
            .await;
        let running =
            started.map_err(|error| format!("cannot start a container of {image}: {error}"))?;
        keeper::container(running.id());
        Ok(Self { running, image: format!("{name}:{tag}") })
    }

    /// What a recipe's program is called here.
    pub(super) fn program(&self, recipe: &Recipe) -> &'static str {
        let official = self.image.split(':').next() == Some(recipe.image);
        if official { recipe.image_program } else { recipe.program }
    }

    /// Whether a command in it ends well in a folder, and what it says.
    pub(super) async fn output(&self, folder: &Path, command: &[String]) -> Result<String, String> {
        // Both outputs in one, because a checker may use either; its exit status ends it.
        let script = "cd \"$1\"; shift; \"$@\" 2>&1; echo \"exit $?\"";
        let shell = ["sh", "-c", script, "sh", &folder.display().to_string()].map(str::to_owned);
        let command = ExecCommand::new([shell.to_vec(), command.to_vec()].concat());
        let mut ended = self.running.exec(command).await.map_err(|error| error.to_string())?;
        let said = ended.stdout_to_vec().await.map_err(|error| error.to_string())?;
        let said = String::from_utf8_lossy(&said).into_owned();
        match said.trim_end().strip_suffix("exit 0") {
            Some(said) => Ok(said.to_owned()),
            None => Err(said),
        }
    }

    /// Starts a server in a folder and gives its number.
    pub(super) async fn spawn(
        &self,
        recipe: &Recipe,
        folder: &Path,
        arguments: &[String],
    ) -> Result<i32, String> {
        let script = "cd \"$1\"; shift; echo $$ > pid.new; mv pid.new pid; exec \"$@\" >> stdout.log 2>> stderr.log";
        let mut command = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        command.extend([folder.display().to_string(), self.program(recipe).to_owned()]);
        command.extend_from_slice(arguments);
        self.running.exec(ExecCommand::new(command)).await.map_err(|error| error.to_string())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(folder.join("pid")).unwrap_or_default();
            if let Ok(number) = text.trim().parse() {
                return Ok(number);
            }
            if Instant::now() > deadline {
                return Err("the container does not start it".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
