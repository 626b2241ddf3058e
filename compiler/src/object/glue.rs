//! The functions of the library: what they do before and after an entry's own code. The header says
//! what each is for.

mod body;

use cranelift_codegen::Context;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, Signature, Type, UserFuncName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use rustc_hash::FxHashMap;

use self::body::Body;
use super::debug;
use super::layout::{CodeSizes, Layout, bytes, state};
use super::{CompiledEntry, EntryKind, Guard, Initial, Model, ObjectError, Source};
use crate::codegen::{CodegenError, CodegenOptions, compile_program, isa};
use crate::ir::{DType, Provenance};
use crate::program::Program;

/// What the functions return.
pub(super) mod result {
    /// Done.
    pub(in crate::object) const OK: i64 = 0;
    /// An index is out of range; the message says which.
    pub(in crate::object) const INDEX_OUT_OF_RANGE: i64 = 1;
    /// An argument that is needed is a null pointer.
    pub(in crate::object) const NULL_ARGUMENT: i64 = 2;

    /// What the header calls them, and what they say; the last is the kernels' library's.
    pub(in crate::object) const ALL: [(&str, &str); 4] = [
        ("OK", "no error"),
        ("INDEX_OUT_OF_RANGE", "an index is out of range"),
        ("NULL_ARGUMENT", "error: the pointer to the arguments or to an input is null"),
        ("NO_THREADS", "error: there can be 1 to 1024 threads, as far as the system has them"),
    ];
}

/// The object file and what its functions take.
pub(super) fn emit(
    model: &Model,
    layout: &Layout,
    place: &dyn Fn(&Provenance) -> String,
    source: &str,
) -> Result<(Vec<u8>, CodeSizes), ObjectError> {
    let isa = isa(&model.target, true, true)?;
    let builder = ObjectBuilder::new(isa, model.name.clone(), default_libcall_names());
    let mut builder = builder.map_err(|e| CodegenError::Module(Box::new(e)))?;
    // So that a linker drops what nobody calls.
    builder.per_function_section(true);
    builder.per_data_object_section(true);
    let module = ObjectModule::new(builder);
    let mut maker = Maker {
        model,
        layout,
        module,
        place,
        code: vec![],
        functions: vec![],
        texts: FxHashMap::default(),
    };
    maker.all()?;
    let (mut product, code, functions) = (maker.module.finish(), maker.code, maker.functions);
    debug::add(&mut product, source, &functions)?;
    let object = product.emit().map_err(|e| CodegenError::Machine(e.to_string()))?;
    Ok((object, code))
}

/// A program in the module.
#[derive(Clone, Copy)]
struct Step {
    step: FuncId,
    constants: Option<DataId>,
}

struct Maker<'a> {
    model: &'a Model,
    layout: &'a Layout,
    module: ObjectModule,
    place: &'a dyn Fn(&Provenance) -> String,
    /// Bytes of code of each entry.
    code: CodeSizes,
    /// The functions whose code is for lines of the source.
    functions: Vec<debug::Function>,
    /// The strings that were made.
    texts: FxHashMap<String, DataId>,
}

type Made<T> = Result<T, ObjectError>;

fn refused(error: cranelift_module::ModuleError) -> ObjectError {
    CodegenError::Module(Box::new(error)).into()
}

impl Maker<'_> {
    fn all(&mut self) -> Made<()> {
        let bytes = self.layout.bytes as i64;
        self.function("bytes", &[], types::I64, |_, body| {
            let bytes = body.at.ins().iconst(types::I64, bytes);
            body.give(bytes);
            Ok(())
        })?;
        self.init()?;
        self.error()?;
        for number in 0..self.model.entries.len() {
            self.entry(number)?;
        }
        self.variables()?;
        let stride = self.layout.scratch_stride as i64;
        self.function("threads", &[types::I64, types::I32], types::I32, |maker, body| {
            let stride = body.at.ins().iconst(types::I64, stride);
            let (model, n) = (body.parameters[0], body.parameters[1]);
            let result =
                body.call(maker, "brolga_model_threads", &[model, n, stride], types::I32)?;
            body.give(result);
            Ok(())
        })?;
        self.function("steps", &[types::I64], types::I64, |_, body| {
            let step = body.load(types::I64, body.parameters[0], state::STEP);
            body.give(step);
            Ok(())
        })?;
        self.function("epoch", &[types::I64, types::I64], types::INVALID, |_, body| {
            body.store(body.parameters[1], body.parameters[0], state::EPOCH);
            body.at.ins().return_(&[]);
            Ok(())
        })
    }

    /// The code and the constants of a program; `what` counts where its bytes go.
    fn program(&mut self, program: &Program, name: &str, what: &str) -> Made<Step> {
        let prefix = format!("{}_{name}", self.model.name);
        let options = CodegenOptions::default();
        let code = compile_program(&mut self.module, program, &prefix, options)?;
        match self.code.iter_mut().find(|(other, _)| other == what) {
            Some((_, bytes)) => *bytes += code.bytes,
            None => self.code.push((what.to_string(), code.bytes)),
        }
        self.functions.extend(debug::functions(program, &code, &prefix));
        let mut constants = None;
        if program.constants_bytes > 0 {
            let mut block = vec![0; program.constants_bytes];
            for (offset, value) in &program.constants {
                let size = value.n_elements() * value.dtype().size();
                value.write_bytes(&mut block[*offset..offset + size]);
            }
            constants = Some(self.data(&format!("{prefix}_constants"), block, 64, &[])?);
        }
        Ok(Step { step: code.step, constants })
    }

    /// Bytes that nobody writes, with the addresses of others at some places.
    fn data(
        &mut self,
        symbol: &str,
        contents: Vec<u8>,
        align: u64,
        addresses: &[(usize, DataId)],
    ) -> Made<DataId> {
        let id = self.module.declare_data(symbol, Linkage::Local, false, false);
        let id = id.map_err(refused)?;
        let mut description = DataDescription::new();
        description.define(contents.into_boxed_slice());
        description.set_align(align);
        for (at, other) in addresses {
            let other = self.module.declare_data_in_data(*other, &mut description);
            description.write_data_addr(*at as u32, other, 0);
        }
        self.module.define_data(id, &description).map_err(refused)?;
        Ok(id)
    }

    /// A text that ends with a zero.
    fn text(&mut self, text: &str) -> Made<DataId> {
        if let Some(&id) = self.texts.get(text) {
            return Ok(id);
        }
        let symbol = format!("{}_text_{}", self.model.name, self.texts.len());
        let contents = text.bytes().filter(|b| *b != 0).chain([0]).collect();
        let id = self.data(&symbol, contents, 1, &[])?;
        self.texts.insert(text.to_string(), id);
        Ok(id)
    }

    /// Defines a function of the library.
    fn function(
        &mut self,
        name: &str,
        parameters: &[Type],
        result: Type,
        fill: impl FnOnce(&mut Self, &mut Body<'_>) -> Made<()>,
    ) -> Made<()> {
        let symbol = format!("{}_{name}", self.model.name);
        let signature = signature(parameters, result, self.call_conv());
        let id = self.module.declare_function(&symbol, Linkage::Export, &signature);
        let id = id.map_err(refused)?;
        let name = UserFuncName::user(0, id.as_u32());
        let mut func = Function::with_name_signature(name, signature);
        let block = func.dfg.make_block();
        func.layout.append_block(block);
        let parameters =
            parameters.iter().map(|&ty| func.dfg.append_block_param(block, ty)).collect();
        let at = FuncCursor::new(&mut func).at_bottom(block);
        let mut body = Body { at, parameters };
        fill(self, &mut body)?;
        let mut context = Context::for_function(func);
        self.module.define_function(id, &mut context).map_err(refused)
    }

    fn call_conv(&self) -> CallConv {
        self.module.isa().default_call_conv()
    }

    /// `NAME_init(memory, seed)`.
    fn init(&mut self) -> Made<()> {
        let model = self.model;
        let mut initial = vec![];
        for (number, variable) in model.variables.iter().enumerate() {
            initial.push(match &variable.initial {
                Initial::Value(value) => {
                    let symbol = format!("{}_weights_{number}", model.name);
                    Begin::Value(self.data(&symbol, value.to_bytes(), 64, &[])?)
                }
                Initial::Program(program) => {
                    let name = format!("init_{number}");
                    Begin::Program(self.program(program, &name, "init")?)
                }
            });
        }
        self.function("init", &[types::I64, types::I64], types::I64, |maker, body| {
            let (block, seed) = (body.parameters[0], body.parameters[1]);
            let null = body.number(0);
            let fail = body.block();
            let aligned = body.at.ins().band_imm_s(block, 63);
            body.fail_if(IntCC::NotEqual, aligned, 0, fail);
            body.fail_if(IntCC::Equal, block, 0, fail);
            let level = body.number(level(model.target.name));
            let can = body.call(maker, "brolga_model_can_run", &[level], types::I32)?;
            body.fail_if(IntCC::Equal, can, 0, fail);
            let (zero, bytes) =
                (body.at.ins().iconst(types::I32, 0), body.number(maker.layout.bytes));
            body.call(maker, "memset", &[block, zero, bytes], types::I64)?;
            body.store(seed, block, state::SEED);
            let one = body.number(1);
            body.store(one, block, state::THREADS);
            for (begin, (variable, &at)) in
                initial.iter().zip(model.variables.iter().zip(&maker.layout.variables))
            {
                let to = body.at.ins().iadd_imm_s(block, at as i64);
                match *begin {
                    Begin::Value(data) => {
                        let from = body.address(maker, data);
                        let bytes = body.number(bytes_of(variable));
                        body.call(maker, "memcpy", &[to, from, bytes], types::I64)?;
                    }
                    Begin::Program(step) => {
                        body.frame(maker, step, block, (&[], &[], &[to]))?;
                    }
                }
            }
            let [step, epoch] = model.clock.map(|n| body.at.ins().iconst(types::I64, n));
            body.store(step, block, state::STEP);
            body.store(epoch, block, state::EPOCH);
            body.give(block);
            body.at.insert_block(fail);
            body.give(null);
            Ok(())
        })
    }

    /// `NAME_error(result, model)`.
    fn error(&mut self) -> Made<()> {
        let texts: Vec<DataId> =
            result::ALL.iter().map(|(_, text)| self.text(text)).collect::<Made<_>>()?;
        let other = self.text("this is no result of a function of the library")?;
        self.function("error", &[types::I32, types::I64], types::I64, |maker, body| {
            let (result, model) = (body.parameters[0], body.parameters[1]);
            for (number, text) in texts.iter().enumerate() {
                let (is, next) = (body.block(), body.block());
                let same = body.at.ins().icmp_imm_u(IntCC::Equal, result, number as i64);
                body.at.ins().brif(same, is, &[], next, &[]);
                body.at.insert_block(is);
                let said = match number as i64 {
                    result::INDEX_OUT_OF_RANGE => {
                        body.at.ins().iadd_imm_s(model, state::MESSAGE as i64)
                    }
                    _ => body.address(maker, *text),
                };
                body.give(said);
                body.at.insert_block(next);
            }
            let other = body.address(maker, other);
            body.give(other);
            Ok(())
        })
    }

    /// `NAME_variables(model, out, max)`.
    fn variables(&mut self) -> Made<()> {
        let (mut table, mut addresses) = (vec![], vec![]);
        for (variable, &at) in self.model.variables.iter().zip(&self.layout.variables) {
            let sizes = variable.tensor_type.sizes().expect("its dimensions are numbers");
            let mut shape: Vec<u8> = sizes.iter().flat_map(|&n| (n as i64).to_le_bytes()).collect();
            // An empty one has an address too.
            shape.resize(shape.len().max(8), 0);
            let symbol = format!("{}_shape_{}", self.model.name, addresses.len() / 2);
            let shape = self.data(&symbol, shape, 8, &[])?;
            let name = self.text(&variable.name)?;
            let begin = table.len();
            addresses.extend([(begin, name), (begin + 16, shape)]);
            table.extend(0u64.to_le_bytes());
            table.extend(dtype_number(variable.tensor_type.dtype).to_le_bytes());
            table.extend((sizes.len() as i32).to_le_bytes());
            table.extend(0u64.to_le_bytes());
            table.extend((at as u64).to_le_bytes());
        }
        table.resize(table.len().max(8), 0);
        let symbol = format!("{}_variable_table", self.model.name);
        let table = self.data(&symbol, table, 8, &addresses)?;
        let n = self.model.variables.len();
        let parameters = [types::I64, types::I64, types::I32];
        self.function("variables", &parameters, types::I32, |maker, body| {
            let (table, n) = (body.address(maker, table), body.number(n));
            let [model, out, max] = [0, 1, 2].map(|i| body.parameters[i]);
            let arguments = [table, n, model, out, max];
            let found = body.call(maker, "brolga_model_variables", &arguments, types::I32)?;
            body.give(found);
            Ok(())
        })
    }

    /// The messages of an entry's checks: for each the texts before and after the index.
    fn messages(&mut self, entry: &CompiledEntry) -> Made<Option<DataId>> {
        if entry.program.checks.is_empty() {
            return Ok(None);
        }
        let mut addresses = vec![];
        for (number, check) in entry.program.checks.iter().enumerate() {
            let place = (self.place)(&check.provenance);
            let is_fed = |guard: &&Guard| guard.check == number && guard.computed.is_none();
            let fed = entry.guards.iter().find(is_fed).map(|g| &entry.program.feeds[g.feed].0);
            let of = fed.map_or_else(String::new, |name| format!(" of `{name}`"));
            let after = format!(
                "{of} is out of range for `{}`, which has {} to choose from ({place})",
                check.node, check.size
            );
            let at = 8 * addresses.len();
            addresses.push((at, self.text("error[E0655]: the index ")?));
            addresses.push((at + 8, self.text(&after)?));
        }
        let symbol = format!("{}_{}_messages", self.model.name, entry.kind.name());
        let table = vec![0; 8 * addresses.len()];
        self.data(&symbol, table, 8, &addresses).map(Some)
    }

    /// `NAME_train(model, io)` and the like.
    fn entry(&mut self, number: usize) -> Made<()> {
        let (entry, fields) = (&self.model.entries[number], &self.layout.entries[number]);
        let kind = entry.kind.name();
        let step = self.program(&entry.program, kind, kind)?;
        let mut finish = vec![];
        for (i, result) in entry.results.iter().enumerate() {
            if let Source::Finish { feeds, program } = &result.source {
                let step = self.program(program, &format!("{kind}_finish_{i}"), kind)?;
                finish.push((step, feeds, fields.results[i].copy));
            }
        }
        let mut guards = vec![];
        for (i, guard) in entry.guards.iter().enumerate() {
            let computed = guard.computed.as_deref();
            let program = computed.map(|p| self.program(p, &format!("{kind}_guard_{i}"), kind));
            guards.push((guard, program.transpose()?, fields.guards[i]));
        }
        let messages = self.messages(entry)?;
        self.function(kind, &[types::I64, types::I64], types::I32, |maker, body| {
            let (block, io) = (body.parameters[0], body.parameters[1]);
            let (is_null, out_of_range) = (body.block(), body.block());
            let status = body.at.func.dfg.append_block_param(out_of_range, types::I64);
            body.fail_if(IntCC::Equal, io, 0, is_null);
            let feeds = body.feeds(maker, fields, (block, io), is_null)?;
            for (guard, program, at) in guards {
                let found = body.guarded(maker, (guard, program, at), entry, (block, &feeds))?;
                body.at_if_not(found, 0, out_of_range);
            }
            let variables = body.variables(maker, &entry.program, block);
            let at = |body: &mut Body<'_>, offset: usize| body.within(block, offset);
            let outputs: Vec<Value> = fields.outputs.iter().map(|&o| at(body, o)).collect();
            let found = body.frame(maker, step, block, (&variables, &feeds, &outputs))?;
            body.at_if_not(found, 0, out_of_range);
            for (step, parts, copy) in finish {
                let parts: Vec<Value> = parts.iter().map(|&p| outputs[p]).collect();
                let to = at(body, copy);
                body.frame(maker, step, block, (&[], &parts, &[to]))?;
            }
            body.results(maker, &fields.results, (block, io))?;
            if entry.kind == EntryKind::Train {
                let step = body.load(types::I64, block, state::STEP);
                let next = body.at.ins().iadd_imm_s(step, 1);
                body.store(next, block, state::STEP);
            }
            body.give_number(result::OK);
            body.at.insert_block(is_null);
            body.give_number(result::NULL_ARGUMENT);
            body.at.insert_block(out_of_range);
            if let Some(messages) = messages {
                let table = body.address(maker, messages);
                let to = at(body, state::MESSAGE);
                let room = body.number(state::MESSAGE_BYTES);
                let arguments = [to, room, table, status];
                body.call(maker, "brolga_model_message", &arguments, types::INVALID)?;
            }
            body.give_number(result::INDEX_OUT_OF_RANGE);
            Ok(())
        })
    }
}

/// What a variable begins with.
#[derive(Clone, Copy)]
enum Begin {
    Value(DataId),
    Program(Step),
}

fn bytes_of(variable: &super::ModelVariable) -> usize {
    bytes(&variable.tensor_type)
}

fn signature(parameters: &[Type], result: Type, call_conv: CallConv) -> Signature {
    let mut signature = Signature::new(call_conv);
    signature.params = parameters.iter().map(|&ty| AbiParam::new(ty)).collect();
    if result != types::INVALID {
        signature.returns.push(AbiParam::new(result));
    }
    signature
}

/// The number of an element type in the table of variables, as the header has it.
pub(super) fn dtype_number(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 0,
        DType::F64 => 1,
        DType::I32 => 2,
        DType::I64 => 3,
        DType::U8 => 4,
        DType::Bool => 5,
    }
}

/// What `brolga_model_can_run` calls the level of a target.
fn level(target: &str) -> usize {
    match target {
        "x86-64-v4" => 4,
        "x86-64-v3" => 3,
        "x86-64-v2" => 2,
        _ => 0,
    }
}
