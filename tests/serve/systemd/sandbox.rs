//! The system call filters that systemd makes of a unit (systemd.exec(5), "Sandboxing"), read from the unit's own text.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use seccompiler::{BpfProgram, TargetArch, compile_from_json};
use serde_json::{Value, json};

/// Output of `systemd-analyze syscall-filter` of systemd 252 (Debian 12), without `@known`.
pub(crate) const GROUPS: &str = include_str!("groups.txt");

/// The version of systemd that `GROUPS` are from.
pub(crate) const VERSION: &str = "systemd 252 ";

/// Action of systemd on a process that makes a forbidden call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Forbidden {
    /// The action of the unit (`SystemCallErrorNumber=`), or a kill where the unit names none.
    AsTheUnitSays,
    /// Kill it: nothing that the proxy needs may be among the forbidden calls.
    Kills,
}

/// The groups of this machine's own systemd, where it is another version.
pub(crate) fn groups_of_this_machine() -> Option<String> {
    let said = |argument: &str| {
        let output = Command::new("systemd-analyze").arg(argument).output().ok()?;
        String::from_utf8(output.stdout).ok().filter(|text| !text.is_empty())
    };
    let (version, text) = (said("--version")?, said("syscall-filter")?);
    let text = text.split("\n@known\n").next().unwrap_or_default();
    (!version.starts_with(VERSION)).then(|| format!("{}\n", text.trim_end()))
}

/// A unit file's `[Service]` section: every value of every directive, in order.
pub(crate) struct Unit(BTreeMap<String, Vec<String>>);

impl Unit {
    pub(crate) fn parse(text: &str) -> Self {
        let mut directives = BTreeMap::<String, Vec<String>>::new();
        let lines = text.lines().skip_while(|line| *line != "[Service]").skip(1);
        for line in lines.take_while(|line| !line.starts_with('[')) {
            assert!(!line.ends_with('\\'), "a continued line is not read here: {line}");
            if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                directives.entry(name.to_owned()).or_default().push(value.to_owned());
            }
        }
        Self(directives)
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The last value of a directive that is a switch.
    fn is_on(&self, name: &str) -> bool {
        self.values(name).last().is_some_and(|value| ["yes", "true", "on", "1"].contains(&value))
    }

    /// Calls that `SystemCallFilter=` allows: a first line without `~` makes it a list of what is allowed, to which
    /// `@default` belongs; later lines add to it or, with `~`, take from it.
    fn allowed(&self, groups: &str) -> BTreeSet<String> {
        let mut allowed = BTreeSet::new();
        expand("@default", groups, &mut allowed);
        for (number, value) in self.values("SystemCallFilter").enumerate() {
            let (denies, names) = match value.strip_prefix('~') {
                Some(names) => (true, names),
                None => (false, value),
            };
            assert!(number > 0 || !denies, "a list of what is denied is not read here");
            let mut group = BTreeSet::new();
            for name in names.split_whitespace() {
                assert!(!name.contains(':'), "an error number of one call is not read here");
                expand(name, groups, &mut group);
            }
            if denies {
                allowed.retain(|name| !group.contains(name));
            } else {
                allowed.extend(group);
            }
        }
        allowed
    }

    /// The filters, as programs for the kernel. Together they allow what each of them allows.
    pub(crate) fn filters(&self, groups: &str, forbidden: Forbidden) -> Vec<BpfProgram> {
        let action = match (forbidden, self.values("SystemCallErrorNumber").last()) {
            (Forbidden::AsTheUnitSays, Some("EPERM")) => json!({"errno": 1}),
            (Forbidden::AsTheUnitSays, Some(other)) => panic!("{other} is not known here"),
            _ => json!("kill_process"),
        };
        let allowed = self.allowed(groups);
        assert!(allowed.len() > 200, "{allowed:?}");
        let rules: Vec<_> = allowed.iter().map(|name| json!({"syscall": name})).collect();
        let calls = program(rules, &action, &json!("allow"));
        let mut filters = Vec::new();
        if self.values("RestrictAddressFamilies").next().is_some() {
            filters.push(self.address_families());
        }
        // What these settings forbid is answered with an error (systemd.exec(5)).
        let (eperm, enosys) = (1, 38);
        let denied = [
            ("MemoryDenyWriteExecute", write_and_execute(), eperm),
            ("RestrictNamespaces", namespaces(), eperm),
            // Its flags are in memory, where a filter does not look: libraries fall back to `clone`.
            ("RestrictNamespaces", vec![json!({"syscall": "clone3"})], enosys),
            ("RestrictRealtime", realtime(), eperm),
            ("LockPersonality", vec![json!({"syscall": "personality"})], eperm),
        ];
        for (_, rules, error) in denied.into_iter().filter(|(name, ..)| self.is_on(name)) {
            filters.push(program(rules, &json!("allow"), &json!({"errno": error})));
        }
        // Behind it no further filter can be set: `seccomp` itself is not among what is allowed.
        filters.push(calls);
        filters
    }

    fn address_families(&self) -> BpfProgram {
        let known = [("AF_UNIX", 1), ("AF_INET", 2), ("AF_INET6", 10), ("AF_NETLINK", 16)];
        let named = self.values("RestrictAddressFamilies").flat_map(str::split_whitespace);
        let others: Vec<_> = named
            .map(|name| {
                let (_, number) = known.iter().find(|(known, _)| *known == name).unwrap();
                argument(0, &json!("ne"), *number)
            })
            .collect();
        let rules = vec![json!({"syscall": "socket", "args": others})];
        program(rules, &json!("allow"), &json!({"errno": 97}))
    }
}

/// Adds a call, or what a group holds with the groups in it.
fn expand(name: &str, groups: &str, into: &mut BTreeSet<String>) {
    if !name.starts_with('@') {
        into.insert(name.to_owned());
        return;
    }
    let mut lines = groups.lines().skip_while(|line| *line != name);
    assert!(lines.next().is_some(), "no group is called {name}");
    for line in lines.take_while(|line| line.starts_with(' ')).map(str::trim) {
        if !line.starts_with('#') {
            expand(line, groups, into);
        }
    }
}

fn argument(index: u8, operation: &Value, value: u64) -> Value {
    json!({"index": index, "type": "dword", "op": operation, "val": value})
}

/// Memory that can be written and executed, or becomes executable.
fn write_and_execute() -> Vec<Value> {
    let (write, execute) = (2_u64, 4_u64);
    let both = argument(2, &json!({"masked_eq": write | execute}), write | execute);
    let becomes = argument(2, &json!({"masked_eq": execute}), execute);
    let attaches = argument(2, &json!({"masked_eq": 0o100_000}), 0o100_000);
    vec![
        json!({"syscall": "mmap", "args": [both]}),
        json!({"syscall": "mprotect", "args": [becomes]}),
        json!({"syscall": "pkey_mprotect", "args": [becomes]}),
        json!({"syscall": "shmat", "args": [attaches]}),
    ]
}

fn namespaces() -> Vec<Value> {
    let flags = [0x0200_0000_u64, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
    let mut rules: Vec<_> = flags
        .into_iter()
        .chain([0x0002_0000])
        .map(|flag| json!({"syscall": "clone", "args": [argument(0, &json!({"masked_eq": flag}), flag)]}))
        .collect();
    rules.extend(["unshare", "setns"].map(|name| json!({"syscall": name})));
    rules
}

fn realtime() -> Vec<Value> {
    let policies = [1_u64, 2, 6];
    let rule = |policy| json!({"syscall": "sched_setscheduler", "args": [argument(1, &json!("eq"), policy)]});
    policies.into_iter().map(rule).chain([json!({"syscall": "sched_setattr"})]).collect()
}

/// Makes one filter. Calls of other architectures are left out.
fn program(rules: Vec<Value>, otherwise: &Value, then: &Value) -> BpfProgram {
    let compile = |rules: &[Value]| {
        let filter = json!({"all": {
            "mismatch_action": otherwise,
            "match_action": then,
            "filter": rules,
        }});
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        compile_from_json(filter.to_string().as_bytes(), arch)
    };
    let known: Vec<_> =
        rules.into_iter().filter(|rule| compile(std::slice::from_ref(rule)).is_ok()).collect();
    compile(&known).unwrap().remove("all").unwrap()
}
