//! Where a node came from: an interned set of sites, each a span with its chain of calls.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// At most so many sites are kept for one node; the rest are only counted.
const MAX_PLACES: usize = 8;

/// A position in a source file; lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The name of the file as the user wrote it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The length of the text in characters; 0 where it is unknown (read from a dump).
    pub length: u32,
}

/// A position in the user's file followed by the positions inside the functions called there,
/// outermost first, and what the compiler did there (`gradient`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Site {
    /// Outermost (the user's own line) first; never empty.
    pub chain: Vec<Position>,
    /// Why the compiler made the node, where the user did not write it: `gradient`, `update`.
    pub role: Option<Arc<str>>,
}

/// The sites that a node answers for. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    sites: Arc<[Site]>,
    more: u32,
}

impl Provenance {
    /// The provenance of a single place.
    pub fn of(place: Site) -> Provenance {
        Provenance { sites: Arc::new([place]), more: 0 }
    }

    /// The provenance of a caller in Rust source.
    pub fn of_caller(location: &std::panic::Location<'_>) -> Provenance {
        let position = Position {
            file: location.file().into(),
            line: location.line(),
            column: location.column(),
            length: 0,
        };
        Provenance::of(Site { chain: vec![position], role: None })
    }

    /// The provenance that prints as `text`; lengths are not kept. `None` if it is no such text.
    pub fn parse(text: &str) -> Option<Provenance> {
        let (sites, more) = match text.rsplit_once(" +") {
            Some((sites, more)) => (sites, more.parse().ok()?),
            None => (text, 0),
        };
        let sites: Option<Arc<[Site]>> = sites.split("; ").map(Site::parse).collect();
        Some(Provenance { sites: sites?, more })
    }

    /// The sites, in the order of their positions.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// How many sites were left out.
    pub fn n_more(&self) -> u32 {
        self.more
    }

    /// The sites of both.
    pub fn merge(&self, other: &Provenance) -> Provenance {
        if other.sites.is_empty() || Arc::ptr_eq(&self.sites, &other.sites) {
            return self.clone();
        }
        if self.sites.is_empty() {
            return other.clone();
        }
        let all: BTreeSet<&Site> = self.sites.iter().chain(other.sites.iter()).collect();
        let more = self.more.max(other.more) + all.len().saturating_sub(MAX_PLACES) as u32;
        Provenance { sites: all.into_iter().take(MAX_PLACES).cloned().collect(), more }
    }

    /// The same sites as the origin of a node that the compiler made for `role`.
    pub fn with_role(&self, role: &str) -> Provenance {
        let sites =
            self.sites.iter().map(|p| Site { chain: p.chain.clone(), role: Some(role.into()) });
        Provenance { sites: sites.collect(), more: self.more }
    }
}

impl Site {
    /// The line that the user would look at: the innermost position in the file that they wrote, also
    /// in a function of theirs.
    pub fn line(&self) -> &Position {
        let file = &self.chain[0].file;
        self.chain.iter().rev().find(|at| at.file == *file).unwrap_or(&self.chain[0])
    }

    /// The place that prints as `text`.
    fn parse(text: &str) -> Option<Site> {
        let (chain, role) = match text.strip_suffix(')').and_then(|t| t.rsplit_once(" (")) {
            Some((chain, role)) => (chain, Some(role.into())),
            None => (text, None),
        };
        let chain: Option<Vec<Position>> = chain.split(" > ").map(Position::parse).collect();
        Some(Site { chain: chain?, role })
    }
}

impl Position {
    /// The position that prints as `text`: `mlp.graph:8:15`.
    fn parse(text: &str) -> Option<Position> {
        let mut parts = text.rsplitn(3, ':');
        let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let file = parts.next().filter(|file| !file.is_empty())?;
        Some(Position { file: file.into(), line, column, length: 0 })
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.chain.iter().enumerate() {
            write!(f, "{}{}:{}:{}", if i > 0 { " > " } else { "" }, p.file, p.line, p.column)?;
        }
        match &self.role {
            Some(role) => write!(f, " ({role})"),
            None => Ok(()),
        }
    }
}

/// Prints as after `#@`: `mlp.graph:8:15 > std.graph:12:9; mlp.graph:9:1 (gradient) +3`.
impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, place) in self.sites.iter().enumerate() {
            write!(f, "{}{place}", if i > 0 { "; " } else { "" })?;
        }
        if self.more > 0 {
            write!(f, " +{}", self.more)?;
        }
        Ok(())
    }
}
