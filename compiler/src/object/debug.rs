//! Line tables: which line of the source each instruction is for, as debuggers and profilers read it
//! (DWARF 4, sections 3.3 and 6.2).

use std::sync::Arc;

use cranelift_module::FuncId;
use cranelift_object::ObjectProduct;
use cranelift_object::object::write::{Object, Relocation, SectionId, SymbolId};
use cranelift_object::object::{RelocationEncoding, RelocationFlags, RelocationKind, SectionKind};
use gimli::write::{
    Address, AttributeValue, DirectoryId, Dwarf, EndianVec, FileId, LineProgram, LineString, Range,
    RangeList, RelocateWriter, RelocationTarget, Sections, Unit,
};
use gimli::{Encoding, Format, LineEncoding, LittleEndian};
use rustc_hash::FxHashMap;

use crate::codegen::{Code, CodeFunction, CodeOrigins, CodegenError, Described, Part};
use crate::ir::Position;
use crate::program::Program;

/// A function whose code is for lines.
pub(super) struct Function {
    id: FuncId,
    /// What it is called in a debugger.
    name: String,
    /// Bytes of instructions.
    end: u32,
    /// From which byte on which line is in force.
    rows: Vec<(u32, Option<Position>)>,
}

/// A program's kernels and its step.
pub(super) fn functions(program: &Program, code: &Code, prefix: &str) -> Vec<Function> {
    let (all, by_kernel) = program.calls_by_kernel();
    let mut functions = vec![];
    for CodeFunction { id, part, origins, .. } in &code.functions {
        let (name, described) = match *part {
            Part::Kernel(n) | Part::Loops(n) => {
                (program.kernels[n].name.clone(), Described::kernel(program, &by_kernel[n]))
            }
            Part::Step => (format!("{prefix}_step"), Described::step(program, &all)),
        };
        functions.push(Function::new(*id, name, origins, &described));
    }
    functions
}

impl Function {
    fn new(id: FuncId, name: String, origins: &CodeOrigins, described: &Described<'_>) -> Function {
        let (end, rows) = (origins.end(), described.rows(origins));
        Function { id, name, end, rows }
    }
}

/// Adds the line tables of functions to an object file.
///
/// # Errors
/// A table cannot be written: a bug.
pub(super) fn add(
    product: &mut ObjectProduct,
    source: &str,
    functions: &[Function],
) -> Result<(), CodegenError> {
    let symbols: Vec<SymbolId> = functions.iter().map(|f| product.function_symbol(f.id)).collect();
    let mut dwarf = tables(source, functions);
    let mut sections = Sections::new(Section::default());
    let broken = |e: gimli::write::Error| CodegenError::Machine(format!("line tables: {e}"));
    dwarf.write(&mut sections).map_err(broken)?;
    let mut added: FxHashMap<gimli::SectionId, SectionId> = FxHashMap::default();
    let object = &mut product.object;
    let add = |id: gimli::SectionId, section: &Section| {
        if !section.bytes.slice().is_empty() {
            let new = object.add_section(vec![], id.name().into(), SectionKind::Debug);
            object.set_section_data(new, section.bytes.slice().to_vec(), 1);
            added.insert(id, new);
        }
        Ok(())
    };
    sections.for_each(add).map_err(broken)?;
    let relocate = |id: gimli::SectionId, section: &Section| {
        let Some(&at) = added.get(&id) else { return Ok(()) };
        for relocation in &section.relocations {
            let symbol = match relocation.target {
                RelocationTarget::Symbol(function) => symbols[function],
                RelocationTarget::Section(id) => object.section_symbol(added[&id]),
            };
            relocated(object, at, relocation, symbol)?;
        }
        Ok(())
    };
    sections.for_each(relocate).map_err(broken)
}

fn relocated(
    object: &mut Object<'static>,
    section: SectionId,
    relocation: &gimli::write::Relocation,
    symbol: SymbolId,
) -> gimli::write::Result<()> {
    let (kind, encoding) = (RelocationKind::Absolute, RelocationEncoding::Generic);
    let flags = RelocationFlags::Generic { kind, encoding, size: 8 * relocation.size };
    let (offset, addend) = (relocation.offset as u64, relocation.addend);
    let added = object.add_relocation(section, Relocation { offset, symbol, addend, flags });
    added.map_err(|_| gimli::write::Error::InvalidAddress)
}

/// One unit for the source, with a subprogram and a sequence of rows for each function.
fn tables(source: &str, functions: &[Function]) -> Dwarf {
    let encoding = Encoding { format: Format::Dwarf32, version: 4, address_size: 8 };
    let text = |text: &str| LineString::String(text.as_bytes().to_vec());
    let mut lines = Lines {
        program: LineProgram::new(
            encoding,
            LineEncoding::default(),
            text("."),
            None,
            text(source),
            None,
        ),
        files: FxHashMap::default(),
    };
    for (number, function) in functions.iter().enumerate() {
        lines.add(number, function);
    }
    let directory = lines.program.default_directory();
    let firsts: Vec<Option<(FileId, u32)>> =
        functions.iter().map(|f| lines.first(f, directory)).collect();
    let mut dwarf = Dwarf::new();
    let mut unit = Unit::new(encoding, lines.program);
    let root = unit.root();
    let starts = |function: usize| Address::Symbol { symbol: function, addend: 0 };
    let ranges = functions.iter().enumerate();
    let ranges = ranges.map(|(i, f)| Range::StartLength { begin: starts(i), length: f.end.into() });
    let ranges = unit.ranges.add(RangeList(ranges.collect()));
    let die = unit.get_mut(root);
    let string = |dwarf: &mut Dwarf, text: &str| AttributeValue::StringRef(dwarf.strings.add(text));
    die.set(gimli::DW_AT_producer, string(&mut dwarf, "brolga"));
    die.set(gimli::DW_AT_name, string(&mut dwarf, source));
    die.set(gimli::DW_AT_comp_dir, string(&mut dwarf, "."));
    // Debuggers ask for a language that they know; what they print of it are numbers.
    die.set(gimli::DW_AT_language, AttributeValue::Language(gimli::DW_LANG_C99));
    die.set(gimli::DW_AT_low_pc, AttributeValue::Address(Address::Constant(0)));
    die.set(gimli::DW_AT_ranges, AttributeValue::RangeListRef(ranges));
    die.set(gimli::DW_AT_stmt_list, AttributeValue::LineProgramRef);
    for ((number, function), first) in functions.iter().enumerate().zip(firsts) {
        let child = unit.add(root, gimli::DW_TAG_subprogram);
        let die = unit.get_mut(child);
        die.set(gimli::DW_AT_name, string(&mut dwarf, &function.name));
        die.set(gimli::DW_AT_low_pc, AttributeValue::Address(starts(number)));
        die.set(gimli::DW_AT_high_pc, AttributeValue::Udata(function.end.into()));
        if let Some((file, line)) = first {
            die.set(gimli::DW_AT_decl_file, AttributeValue::FileIndex(Some(file)));
            die.set(gimli::DW_AT_decl_line, AttributeValue::Udata(line.into()));
        }
    }
    dwarf.units.add(unit);
    dwarf
}

struct Lines {
    program: LineProgram,
    files: FxHashMap<Arc<str>, FileId>,
}

impl Lines {
    fn file(&mut self, position: &Position, directory: DirectoryId) -> FileId {
        let Lines { program, files } = self;
        let name = || LineString::String(position.file.as_bytes().to_vec());
        let file = files.entry(position.file.clone());
        *file.or_insert_with(|| program.add_file(name(), directory, None))
    }

    fn first(&mut self, function: &Function, directory: DirectoryId) -> Option<(FileId, u32)> {
        let first = function.rows.iter().find_map(|(_, position)| position.as_ref())?;
        Some((self.file(first, directory), first.line))
    }

    fn add(&mut self, number: usize, function: &Function) {
        let directory = self.program.default_directory();
        self.program.begin_sequence(Some(Address::Symbol { symbol: number, addend: 0 }));
        for (start, position) in &function.rows {
            // Line 0 is no line.
            let known = position.as_ref().map(|p| (self.file(p, directory), p.line, p.column));
            let row = self.program.row();
            row.address_offset = (*start).into();
            (row.line, row.column) = (0, 0);
            if let Some((file, line, column)) = known {
                (row.file, row.line, row.column) = (file, line.into(), column.into());
            }
            self.program.generate_row();
        }
        self.program.end_sequence(function.end.into());
    }
}

/// A section with the places where the linker puts addresses.
#[derive(Clone)]
struct Section {
    bytes: EndianVec<LittleEndian>,
    relocations: Vec<gimli::write::Relocation>,
}

impl Default for Section {
    fn default() -> Section {
        Section { bytes: EndianVec::new(LittleEndian), relocations: vec![] }
    }
}

impl RelocateWriter for Section {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &EndianVec<LittleEndian> {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut EndianVec<LittleEndian> {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: gimli::write::Relocation) {
        self.relocations.push(relocation);
    }
}
