//! The image holds what the agent needs: its program runs in a read-only root of just the files that the recipe copies, as the user and with the one
//! capability that the DaemonSet gives it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::{
    collections::BTreeSet,
    ffi::CString,
    fs, io,
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ferrule_tests::{
    agent::{ask, program},
    deployment::{folder, render},
    namespace::Namespace,
};
use tempfile::TempDir;

/// `CAP_NET_ADMIN` (capabilities(7)).
const NET_ADMIN: u32 = 12;
/// The version of `capset` with two words of each set (capability.h).
const CAPABILITY_VERSION: u32 = 0x2008_0522;
/// How long the agent may take to become ready on a busy machine.
const START: Duration = Duration::from_secs(180);

/// Below the build folder, as folders for temporary files are often mounted so that capabilities of files mean nothing.
fn image() -> TempDir {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let built = program("ferrule-agent", "FERRULE_AGENT").unwrap();
    run(Command::new(folder().join("image/closure")).arg(built).arg(root.path()));
    run(Command::new("setcap").arg("cap_net_admin+ep").arg(root.path().join("usr/bin/ferrule-agent")));
    // The container runtime mounts it.
    fs::create_dir(root.path().join("proc")).unwrap();
    run(Command::new("chmod").args(["-R", "go+rX"]).arg(root.path()));
    root
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_recipe_ships_the_closure_of_the_program_and_nothing_else() {
    let recipe = fs::read_to_string(folder().join("image/Dockerfile")).unwrap();
    let last: Vec<_> = recipe.lines().skip_while(|line| *line != "FROM scratch").collect();
    assert_eq!(
        last,
        [
            "FROM scratch",
            "COPY --from=build /root-of-image/ /",
            "USER 65532:65532",
            "ENTRYPOINT [\"/usr/bin/ferrule-agent\"]"
        ]
    );
    for step in [
        "RUN deploy/image/closure target/release/ferrule-agent /root-of-image",
        "RUN setcap cap_net_admin+ep /root-of-image/usr/bin/ferrule-agent",
    ] {
        assert!(recipe.lines().any(|line| line == step), "{step} is not in the recipe:\n{recipe}");
    }
    let root = image();
    let names: BTreeSet<String> = files(root.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let (libraries, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.contains(".so"));
    assert_eq!(others, ["ferrule-agent"]);
    for library in ["libmnl.so.0", "libnftnl.so.11", "libc.so.6"] {
        assert!(libraries.iter().any(|name| *name == library), "{library} is missing: {libraries:?}");
    }
    assert!(libraries.len() < 10, "{libraries:?}");
}

/// Sets of capabilities as `capset` takes them.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Capabilities {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Does to a process before it starts what runc and crun do for the DaemonSet's security context.
fn confine(command: &mut Command, root: &Path, user: u32) {
    let root = CString::new(root.as_os_str().as_bytes()).unwrap();
    let proc = CString::new([root.as_bytes(), b"/proc"].concat()).unwrap();
    let enter = move || {
        let none = std::ptr::null::<libc::c_char>();
        let readonly = libc::MS_BIND | libc::MS_REMOUNT | libc::MS_RDONLY;
        let wanted = Capabilities { effective: 1 << NET_ADMIN, permitted: 1 << NET_ADMIN, inheritable: 0 };
        let sets = [wanted, Capabilities::default()];
        let header = [CAPABILITY_VERSION, 0];
        // SAFETY: plain system calls on values that this closure owns; none allocates or takes a lock.
        unsafe {
            check(libc::unshare(libc::CLONE_NEWNS))?;
            check(libc::mount(none, c"/".as_ptr(), none, libc::MS_REC | libc::MS_PRIVATE, none.cast()))?;
            check(libc::mount(root.as_ptr(), root.as_ptr(), none, libc::MS_BIND, none.cast()))?;
            check(libc::mount(c"/proc".as_ptr(), proc.as_ptr(), none, libc::MS_BIND, none.cast()))?;
            check(libc::mount(none, proc.as_ptr(), none, readonly, none.cast()))?;
            check(libc::mount(none, root.as_ptr(), none, readonly, none.cast()))?;
            check(libc::chroot(root.as_ptr()))?;
            check(libc::chdir(c"/".as_ptr()))?;
            for capability in (0..=63).filter(|capability| *capability != NET_ADMIN) {
                // Kernels know fewer of them.
                libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
            }
            check(libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0))?;
            check(libc::setgroups(0, std::ptr::null()))?;
            check(libc::setresgid(user, user, user))?;
            check(libc::setresuid(user, user, user))?;
            check(libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) as libc::c_int)?;
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        }
    };
    // SAFETY: the closure keeps to what is allowed between fork and exec, see above.
    unsafe { command.pre_exec(enter) };
}

/// Killed on drop: the kernel forgets the tie to the test's thread when a program with capabilities of its own starts.
struct Confined(Child);

impl Drop for Confined {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_agent_works_in_its_image_with_what_the_daemon_set_gives_it() {
    let objects = render(&folder().join("base")).unwrap();
    let daemon = objects.iter().find(|object| object["kind"] == "DaemonSet").unwrap();
    let pod = &daemon["spec"]["template"]["spec"];
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(context["capabilities"], serde_json::json!({"drop": ["ALL"], "add": ["NET_ADMIN"]}));
    assert_eq!(
        (&context["allowPrivilegeEscalation"], &context["readOnlyRootFilesystem"]),
        (&false.into(), &true.into())
    );
    let user = u32::try_from(pod["securityContext"]["runAsUser"].as_u64().unwrap()).unwrap();

    let root = image();
    let manifests = root.path().join("etc/ferrule/manifests");
    fs::create_dir(&manifests).unwrap();
    let policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: {podSelector: {}}\n";
    fs::write(manifests.join("policy.yaml"), policy).unwrap();
    let namespace = Namespace::create("image").unwrap();
    namespace.execute("ip", &["link", "set", "lo", "up"], "").unwrap();
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = namespace.command("/usr/bin/ferrule-agent").unwrap();
    command.args([
        "--node-name",
        "n",
        "--manifests",
        "/etc/ferrule/manifests",
        "--interface-settings",
        "check",
    ]);
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command.stdout(Stdio::from(log.reopen().unwrap())).stderr(Stdio::from(log.reopen().unwrap()));
    confine(&mut command, root.path(), user);
    let agent = Confined(command.spawn().unwrap());

    let begin = Instant::now();
    loop {
        let said = namespace.run(|| ask("/readiness"));
        if matches!(said, Ok((200, _))) {
            break;
        }
        let log = fs::read_to_string(log.path()).unwrap();
        assert!(begin.elapsed() < START, "{said:?}\n{log}");
        thread::sleep(Duration::from_millis(20));
    }
    let tables = namespace.execute("nft", &["list", "tables"], "").unwrap();
    assert_eq!(tables, "table ip ferrule\ntable ip6 ferrule\n");
    let status = fs::read_to_string(format!("/proc/{}/status", agent.0.id())).unwrap();
    for (field, value) in [
        ("Uid", format!("{user}\t{user}\t{user}\t{user}")),
        ("CapEff", format!("{:016x}", 1_u64 << NET_ADMIN)),
        ("CapBnd", format!("{:016x}", 1_u64 << NET_ADMIN)),
        ("NoNewPrivs", "1".to_owned()),
    ] {
        assert!(status.contains(&format!("{field}:\t{value}\n")), "{field}: {status}");
    }
}
