//! Network namespaces that live as long as a value.
//!
//! A namespace is created by a thread of its own, kept by a bind mount under `/run/netns` (so that `ip netns exec` works for a person who debugs), and
//! removed on drop, by unwinding too. What a killed test run left behind is swept when the next one starts: the name holds the process id.

use std::{
    fs::{self, File},
    io,
    os::{fd::AsRawFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::{
    ifaddrs::getifaddrs,
    mount::{MntFlags, MsFlags, mount, umount2},
    net::if_::InterfaceFlags,
    sched::{CloneFlags, setns, unshare},
};

/// Where `ip netns` looks for named namespaces.
const DIRECTORY: &str = "/run/netns";

/// How long a link may take to start.
const LINK_START: Duration = Duration::from_secs(120);

/// A network namespace of our own.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    handle: File,
}

impl Namespace {
    /// Creates the namespace `fe-<pid>-<name>`. Needs CAP_SYS_ADMIN; without it, and if the name is taken, an error.
    pub fn create(name: &str) -> Result<Self> {
        static SWEEP: Once = Once::new();
        fs::create_dir_all(DIRECTORY).with_context(|| format!("create {DIRECTORY}"))?;
        SWEEP.call_once(sweep);
        let name = format!("fe-{}-{}", std::process::id(), brief(name));
        let path = Path::new(DIRECTORY).join(&name);
        File::create_new(&path).with_context(|| format!("namespace {name} exists"))?;
        let created = thread::scope(|scope| scope.spawn(|| unshare_onto(&path)).join());
        let handle = created.unwrap_or_else(|_| Err(anyhow!("thread of namespace {name} panicked")));
        let handle = handle.with_context(|| format!("create network namespace {name} (are you root?)"));
        if handle.is_err() {
            fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
        }
        Ok(Self { handle: handle?, name })
    }

    /// The name for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs a closure in the namespace, in a thread of its own. Sockets that it opens stay in the namespace wherever they are used later.
    ///
    /// # Panics
    /// If the closure panics, or if the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            setns(&self.handle, CloneFlags::CLONE_NEWNET).expect("enter a namespace of our own");
            work()
        };
        match thread::scope(|scope| scope.spawn(entered).join()) {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// What a thread calls to be in the namespace for the rest of its life.
    pub fn entrance(&self) -> Result<impl FnOnce() -> Result<()> + Send + 'static> {
        let handle = self.handle.try_clone().context("duplicate a namespace handle")?;
        Ok(move || setns(&handle, CloneFlags::CLONE_NEWNET).context("enter a namespace of our own"))
    }

    /// A command whose process will be in the namespace, and will be killed when the thread that starts it ends.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        let handle = self.handle.try_clone().context("duplicate a namespace handle")?;
        let mut command = Command::new(program);
        let enter = move || {
            // SAFETY: plain system calls on values that this closure owns or has just zeroed; none allocates or takes a lock.
            let failed = unsafe {
                let mut none: libc::sigset_t = std::mem::zeroed();
                libc::sigemptyset(&raw mut none);
                // A process that takes signals in a thread of its own blocks them in all others; its children should not be deaf to them.
                libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) != 0
                    || libc::setns(handle.as_raw_fd(), libc::CLONE_NEWNET) != 0
                    || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
            };
            if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
        };
        // SAFETY: the closure keeps to what is allowed between fork and exec, see above.
        unsafe { command.pre_exec(enter) };
        Ok(command)
    }

    /// Runs a program in the namespace with a text as its standard input; its standard output. An exit code other than 0 is an error with what it said.
    pub fn execute(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        self.start(program, arguments, input)?.finish()
    }

    /// Starts what [`Self::execute`] runs, without waiting for its end.
    pub fn start(&self, program: &str, arguments: &[&str], input: &str) -> Result<Running> {
        let mut file = tempfile::tempfile().context("file for standard input")?;
        io::Write::write_all(&mut file, input.as_bytes())?;
        io::Seek::rewind(&mut file)?;
        let mut command = self.command(program)?;
        command
            .args(arguments)
            .stdin(file)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        let what = format!("{program} {} in {}", arguments.join(" "), self.name);
        let child = command.spawn().with_context(|| format!("start {what}"))?;
        Ok(Running { child, what, input: input.to_owned() })
    }

    /// Sets a sysctl of the namespace, such as `net/ipv4/ip_forward`.
    pub fn set(&self, settings: &[(&str, &str)]) -> Result<()> {
        self.run(|| {
            for (key, value) in settings {
                let path = Path::new("/proc/sys").join(key);
                fs::write(&path, value).with_context(|| format!("set {key} to {value} in {}", self.name))?;
            }
            Ok(())
        })
    }

    /// Waits until every link carries packets. A link whose other end came up later is started by a work queue of the kernel (`linkwatch`), and what is
    /// sent over it before is lost.
    pub fn wait_links(&self) -> Result<()> {
        let begin = Instant::now();
        loop {
            let idle = self.run(idle_links).with_context(|| format!("links of {}", self.name))?;
            if idle.is_empty() {
                return Ok(());
            }
            ensure!(
                begin.elapsed() < LINK_START,
                "links of {} do not start within {LINK_START:?}: {}",
                self.name,
                idle.join(", ")
            );
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn path(&self) -> PathBuf {
        Path::new(DIRECTORY).join(&self.name)
    }
}

/// A name that is short enough for a file, and still one's own.
fn brief(name: &str) -> String {
    const LONGEST: usize = 180;
    static CUT: AtomicUsize = AtomicUsize::new(0);
    match name.get(..LONGEST) {
        Some(beginning) if name.len() > LONGEST => {
            format!("{beginning}-{}", CUT.fetch_add(1, Ordering::Relaxed))
        }
        Some(_) | None => name.to_owned(),
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path()) {
            eprintln!("namespace {} stays behind: {error}", self.name);
        }
    }
}

/// A program that runs in a namespace.
#[derive(Debug)]
pub struct Running {
    child: std::process::Child,
    what: String,
    input: String,
}

impl Running {
    /// Waits for its end; its standard output. An exit code other than 0 is an error with what it said and what it was told.
    pub fn finish(self) -> Result<String> {
        let output = self.child.wait_with_output().with_context(|| format!("wait for {}", self.what))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} ({}): {said}\ninput:\n{}", self.what, output.status, self.input);
        String::from_utf8(output.stdout).with_context(|| format!("output of {}", self.what))
    }
}

/// The links of the current namespace that carry nothing yet.
fn idle_links() -> Result<Vec<String>> {
    let links = getifaddrs()?.filter(|link| !link.flags.contains(InterfaceFlags::IFF_LOOPBACK));
    let idle = links.filter(|link| !link.flags.contains(InterfaceFlags::IFF_RUNNING));
    Ok(idle.map(|link| link.interface_name).collect())
}

/// Moves the calling thread, which must have no other use, into a new namespace and mounts that on the path.
fn unshare_onto(path: &Path) -> Result<File> {
    unshare(CloneFlags::CLONE_NEWNET).context("unshare(CLONE_NEWNET)")?;
    let namespace = Path::new("/proc/thread-self/ns/net");
    mount(Some(namespace), path, None::<&str>, MsFlags::MS_BIND, None::<&str>).context("bind mount")?;
    File::open(path).context("open the namespace")
}

/// Takes the mount and its file away.
fn remove(path: &Path) -> Result<()> {
    let unmounted = umount2(path, MntFlags::MNT_DETACH);
    fs::remove_file(path)?;
    Ok(unmounted?)
}

/// Removes all namespaces of this process, for a process that is about to end out of turn.
pub fn remove_own() {
    remove_where(|owner| owner == std::process::id());
}

/// Removes namespaces of test processes that no longer exist.
fn sweep() {
    remove_where(|owner| !Path::new("/proc").join(owner.to_string()).exists());
}

fn remove_where(unwanted: impl Fn(u32) -> bool) {
    for entry in fs::read_dir(DIRECTORY).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner =
            name.to_str().and_then(|name| name.strip_prefix("fe-")?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(&unwanted) {
            // Another test process may sweep at the same time; whoever comes second finds nothing.
            remove(&entry.path()).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_empty_and_is_removed_on_drop_and_on_panic() {
        let namespace = Namespace::create("empty").unwrap();
        let links = namespace.execute("ip", &["-br", "link"], "").unwrap();
        assert_eq!(links.lines().count(), 1, "only the loopback: {links}");
        let path = namespace.path();
        assert!(path.exists());
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _held = namespace;
            panic!("on purpose");
        }));
        assert!(unwound.is_err());
        assert!(!path.exists());
    }

    #[test]
    fn sockets_and_processes_are_inside() {
        let namespace = Namespace::create("inside").unwrap();
        let own = fs::read_link("/proc/thread-self/ns/net").unwrap();
        assert_ne!(namespace.run(|| fs::read_link("/proc/thread-self/ns/net").unwrap()), own);
        let child = namespace.execute("readlink", &["/proc/self/ns/net"], "").unwrap();
        assert_ne!(child.trim(), own.to_str().unwrap());
        assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), own, "the caller stays where it was");
    }

    #[test]
    fn a_taken_name_is_an_error_and_keeps_the_first() {
        let first = Namespace::create("taken").unwrap();
        assert!(Namespace::create("taken").is_err());
        assert!(first.path().exists());
    }
}
