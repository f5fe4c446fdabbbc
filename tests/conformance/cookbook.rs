//! Every recipe of `docs/cookbook.md` on every server that keeps it.

use assert_cmd::Command;

#[test]
fn every_recipe_works() {
    let page = include_str!("../../docs/cookbook.md");
    let recipes: Vec<&str> =
        page.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(recipes.len() >= 9, "{} recipes", recipes.len());
    for recipe in recipes {
        let first = recipe.lines().next().unwrap_or_default();
        let not = first.strip_prefix("# not on: ").unwrap_or_default();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("wsgen.yaml");
        std::fs::write(&file, recipe).unwrap();
        let mut command = Command::cargo_bin("wsgen").unwrap();
        command.arg("conformance").arg(&file).args(["--target", "serve"]);
        for target in wsgen_emit::TARGETS {
            let left = not.split(' ').any(|name| name == target.name);
            let mut render = Command::cargo_bin("wsgen").unwrap();
            let out = folder.path().join(target.name);
            let render = render.args(["render", "--strict", "--target", target.name]);
            let lossless = render.arg("-o").arg(out).arg(&file).output().unwrap();
            if left {
                // It says so for a reason.
                assert!(!lossless.status.success(), "{} keeps it\n{recipe}", target.name);
            } else {
                command.args(["--target", target.name]);
            }
        }
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(output.status.success(), "{recipe}\n{said}");
    }
}
