//! An area on disk: which one is meant, and what it defines for a target.

use crate::outside::Disk;
use megatest::{Context, Problem, load};
use model::area::Area;
use std::io;
use std::path::{Path, PathBuf};
use testruns::Target;

/// The file of an area in Starlark.
pub const NATIVE: &str = "tests.star";
/// The file of an area of Megatest.
pub const MEGATEST: &str = "megatest.config";
/// Where the state of an area lies, below it.
const BASE: &str = ".sluice/tests";

/// An area.
#[derive(Clone, Debug)]
pub struct Home {
    /// Its directory, absolute.
    pub dir: PathBuf,
    /// How it is defined.
    pub kind: Kind,
    /// Where its state lies.
    pub base: PathBuf,
}

/// How an area is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// By `tests.star`.
    Native,
    /// By `megatest.config` and what belongs to it.
    Megatest,
}

/// What an area defines for a target.
#[derive(Debug)]
pub struct Defined {
    /// Its nouns.
    pub area: Area,
    /// The target, with defaults filled in.
    pub target: Target,
    /// Where run directories are made: name and path. None: below the link tree.
    pub disks: Vec<(String, PathBuf)>,
    /// The root of the tree in which tests find each other.
    pub link_tree: PathBuf,
    /// What was read of an area of Megatest.
    pub read: Option<(load::Loaded, load::Nouns)>,
}

/// Why an area cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AreaError {
    /// There is none.
    #[error("neither {} nor a directory above it has a {NATIVE} or a {MEGATEST}", .0.display())]
    NotFound(PathBuf),
    /// Its directory cannot be read.
    #[error("the area {} cannot be read", .dir.display())]
    Unreadable {
        /// Which.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The configuration in Starlark is wrong; the text shows where.
    #[error(transparent)]
    Native(#[from] config::ConfigError),
    /// Files of Megatest are wrong; the text shows where.
    #[error("{}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Megatest(Vec<Problem>),
    /// What was asked for does not fit the area.
    #[error("{}", .0.iter().map(testruns::Problem::to_string).collect::<Vec<_>>().join("\n"))]
    Asked(Vec<testruns::Problem>),
}

impl Home {
    /// The area that a directory is in: itself or the nearest above it.
    ///
    /// # Errors
    /// [`AreaError::NotFound`], [`AreaError::Unreadable`].
    pub fn find(start: &Path) -> Result<Self, AreaError> {
        Self::find_of(start, &[(NATIVE, Kind::Native), (MEGATEST, Kind::Megatest)])
    }

    /// As [`Home::find`], and only one that is defined in this way.
    ///
    /// # Errors
    /// As [`Home::find`].
    pub fn find_kind(start: &Path, kind: Kind) -> Result<Self, AreaError> {
        match kind {
            Kind::Native => Self::find_of(start, &[(NATIVE, kind)]),
            Kind::Megatest => Self::find_of(start, &[(MEGATEST, kind)]),
        }
    }

    fn find_of(start: &Path, files: &[(&str, Kind)]) -> Result<Self, AreaError> {
        let start = start.canonicalize().map_err(|source| AreaError::Unreadable { dir: start.to_owned(), source })?;
        for dir in start.ancestors() {
            for (file, kind) in files {
                if dir.join(file).is_file() {
                    return Ok(Home { dir: dir.to_owned(), kind: *kind, base: dir.join(BASE) });
                }
            }
        }
        Err(AreaError::NotFound(start))
    }

    /// The name of its directory.
    pub(crate) fn name(&self) -> String {
        self.dir.file_name().map_or_else(|| "area".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// What it defines for a target. `run`: the name of the run for which it is read.
    ///
    /// # Errors
    /// [`AreaError::Native`], and [`AreaError::Asked`] for a target that does not fit. What is wrong with files of
    /// Megatest stands in [`Defined::read`]: not all of it concerns every run.
    pub fn read(&self, target: &str, run: Option<&str>) -> Result<Defined, AreaError> {
        match self.kind {
            Kind::Native => self.read_native(target, run),
            Kind::Megatest => self.read_megatest(target, run),
        }
    }

    fn read_native(&self, target: &str, run: Option<&str>) -> Result<Defined, AreaError> {
        let directory = self.dir.to_string_lossy().into_owned();
        let run = run.unwrap_or_default().to_owned();
        let asked = config::Asked { target: target.to_owned(), run, directory };
        let files = Files { dir: &self.dir, asked };
        let mut area = config::load_tests(NATIVE, &files, &config::Limits::default())?;
        if area.name.is_empty() {
            area.name = self.name();
        }
        let target = Target::read(&area, target).map_err(|p| AreaError::Asked(vec![p]))?;
        Ok(self.defined(area, target, None))
    }

    fn defined(&self, area: Area, target: Target, read: Option<(load::Loaded, load::Nouns)>) -> Defined {
        let own = self.base.join("runs");
        let link_tree = area.link_tree.as_ref().map_or(own, |tree| self.dir.join(tree));
        let disks = area.disks.iter().map(|disk| (disk.name.clone(), self.dir.join(&disk.path))).collect();
        Defined { area, target, disks, link_tree, read }
    }

    fn read_megatest(&self, asked: &str, run: Option<&str>) -> Result<Defined, AreaError> {
        let mut read = self.loaded(Some(asked), run);
        // Fields that could not be read are no fault of the target.
        let wrong = |p, (loaded, nouns): &(load::Loaded, load::Nouns)| {
            let is_error = |p: &&Problem| p.severity == megatest::Severity::Error;
            let found: Vec<Problem> = loaded.area.problems.iter().filter(is_error).cloned().collect();
            match nouns.area.fields.is_empty() && !found.is_empty() {
                true => AreaError::Megatest(found),
                false => AreaError::Asked(vec![p]),
            }
        };
        let mut target = Target::read(&read.1.area, asked).map_err(|p| wrong(p, &read))?;
        if target.to_string() != asked {
            // Values that were left out have defaults; files may look at them.
            read = self.loaded(Some(&target.to_string()), run);
            target = Target::read(&read.1.area, asked).map_err(|p| wrong(p, &read))?;
        }
        Ok(self.defined(read.1.area.clone(), target, Some(read)))
    }

    /// The files of an area of Megatest, read once.
    pub(crate) fn loaded(&self, target: Option<&str>, run: Option<&str>) -> (load::Loaded, load::Nouns) {
        let disk = Disk::new(&self.dir);
        let dir = self.dir.to_string_lossy();
        let mut context = Context::new(&disk, &dir);
        if let Some(target) = target {
            context = context.with_target(target);
        }
        if let Some(run) = run {
            context.vars.insert("MT_RUNNAME".to_owned(), run.to_owned());
        }
        let loaded = load::load(&context);
        let nouns = load::nouns(&loaded, &context);
        (loaded, nouns)
    }
}

impl Defined {
    /// What stops a run of these tests.
    ///
    /// # Errors
    /// [`AreaError::Megatest`].
    pub fn check(&self, wanted: impl Fn(&str) -> bool) -> Result<(), AreaError> {
        let Some((loaded, nouns)) = &self.read else { return Ok(()) };
        let found: Vec<Problem> = load::obstacles(loaded, nouns, wanted).into_iter().cloned().collect();
        if found.is_empty() { Ok(()) } else { Err(AreaError::Megatest(found)) }
    }
}

/// The files beside `tests.star`.
pub(crate) struct Files<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) asked: config::Asked,
}

impl config::Loader for Files<'_> {
    fn asked(&self) -> config::Asked {
        self.asked.clone()
    }

    fn read(&self, name: &str) -> Result<String, String> {
        let bytes = crate::files::read(&self.dir.join(name)).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => e.to_string(),
        })?;
        String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())
    }

    fn secret_file(&self, _: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}
