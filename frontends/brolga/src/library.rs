//! Libraries of compiled models for programs that hold nothing else of Brolga (the feature
//! `library`): what `brolga compile` writes.

use std::io::{Cursor, Read};
use std::mem::offset_of;

use ar_archive_writer::{
    ArchiveKind, DEFAULT_OBJECT_READER, NewArchiveMember, write_archive_to_stream,
};
use brolga_compiler::ir::{Provenance, Target};
use brolga_runtime::{KERNELS_ARCHIVES, RunError};
use flate2::read::GzDecoder;
use object::LittleEndian;
use object::elf::{FileHeader64, SHT_SYMTAB, STB_GLOBAL, STB_WEAK, Sym64};
use object::read::archive::ArchiveFile;
use object::read::elf::{FileHeader, SectionHeader, Sym};

/// What the names of the kernels begin with.
const OURS: &str = "brolga_";

/// Why there is no static library.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// There are no kernels for the target: the toolchain that built Brolga had no core library for it.
    #[error("there are no kernels for {}, as the toolchain that built this had no `core` for it", .0.name)]
    NoKernels(Target),
    /// The library cannot be written: a bug.
    #[error(transparent)]
    Damaged(#[from] RunError),
}

/// A static library of these object files, each with its name, and of the kernels that they call, for a
/// target. The same files give the same bytes.
///
/// ```
/// use brolga::compiler::compile::Options;
/// use brolga::compiler::object::{EntryKind, Given, Model, Wanted};
/// use brolga::library::{place, static_library};
/// use brolga::{Binding, Graph, host_target};
///
/// let graph = Graph::from_text("double.graph", "input x: f32[2]\noutput y = x * 2\n")?;
/// let wanted = [Wanted { kind: EntryKind::Predict, binding: Binding::default() }];
/// let (target, options) = (host_target(), Options::default());
/// let model =
///     Model::compile(graph.module(), "double", &wanted, Given::default(), (&target, &options))?;
/// let object = model.emit(&place, ("1.0", "double.graph"))?;
/// assert!(object.header.contains("double_predict("));
/// let library = static_library(&target, &[("double.o".into(), &object.object)])?;
/// assert!(library.starts_with(b"!<arch>\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// There are no kernels for the target; the kernels' library is damaged: a bug.
pub fn static_library(
    target: &Target,
    objects: &[(String, &[u8])],
) -> Result<Vec<u8>, LibraryError> {
    let found = KERNELS_ARCHIVES.iter().find(|(triple, _)| is_for(triple, target));
    let (_, archive) = found.ok_or_else(|| LibraryError::NoKernels(target.clone()))?;
    let kernels =
        kernels(archive).map_err(|e| RunError::Code(format!("the kernels' library: {e}")))?;
    let members = objects.iter().map(|(name, bytes)| member(name.clone(), bytes));
    let kernels = kernels.iter().map(|(name, bytes)| member(name.clone(), bytes));
    let members: Vec<NewArchiveMember<'_>> = members.chain(kernels).collect();
    let mut library = Cursor::new(vec![]);
    write_archive_to_stream(&mut library, &members, ArchiveKind::Gnu, false, None)
        .map_err(|e| RunError::Code(e.to_string()))?;
    Ok(library.into_inner())
}

/// Whether a triple is that of a target's processor.
fn is_for(triple: &str, target: &Target) -> bool {
    triple.split('-').next() == target.triple.split('-').next()
}

/// An object file with its name.
type File = (String, Vec<u8>);

/// The object files of the kernels.
fn kernels(compressed: &[u8]) -> Result<Vec<File>, Box<dyn std::error::Error>> {
    let mut archive = vec![];
    GzDecoder::new(compressed).read_to_end(&mut archive)?;
    let mut files = vec![];
    for member in ArchiveFile::parse(&*archive)?.members() {
        let member = member?;
        let mut bytes = member.data(&*archive)?.to_vec();
        weaken(&mut bytes)?;
        files.push((String::from_utf8_lossy(member.name()).into_owned(), bytes));
    }
    Ok(files)
}

/// Makes the symbols weak that are not the kernels' own. They are Rust's, of the release that the
/// kernels were compiled by: a program in Rust that links them may have the same, and then those count.
fn weaken(file: &mut [u8]) -> Result<(), object::Error> {
    let mut weak = vec![];
    {
        let (endian, data) = (LittleEndian, &*file);
        let header = FileHeader64::<LittleEndian>::parse(data)?;
        let sections = header.sections(endian, data)?;
        let symbols = sections.symbols(endian, data, SHT_SYMTAB)?;
        let table = sections.section(symbols.section())?.sh_offset(endian) as usize;
        for (index, symbol) in symbols.enumerate() {
            let is_own = symbols.symbol_name(endian, symbol)?.starts_with(OURS.as_bytes());
            if !is_own && symbol.st_bind() == STB_GLOBAL && !symbol.is_undefined(endian) {
                let at = table
                    + index.0 * size_of::<Sym64<LittleEndian>>()
                    + offset_of!(Sym64<LittleEndian>, st_info);
                weak.push((at, (STB_WEAK << 4) | symbol.st_type()));
            }
        }
    }
    for (at, info) in weak {
        file[at] = info;
    }
    Ok(())
}

fn member(name: String, bytes: &[u8]) -> NewArchiveMember<'_> {
    NewArchiveMember::new(bytes, &DEFAULT_OBJECT_READER, name)
}

/// The file and line that a message of a compiled model names.
///
/// ```
/// let graph = brolga::Graph::from_text("y.graph", "a = 1\noutput y = a + 1\n")?;
/// let infer = &graph.module().infer;
/// let (_, y) = infer.outputs[0];
/// assert_eq!(brolga::library::place(&infer.node(y).provenance), "y.graph:2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn place(provenance: &Provenance) -> String {
    let first = provenance.sites().first().and_then(|site| site.chain.first());
    first.map_or_else(String::new, |at| format!("{}:{}", at.file, at.line))
}
