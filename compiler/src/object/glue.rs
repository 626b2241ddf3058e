//! The functions of the library: what they do before and after an entry's own code. The header says
//! what each is for.

use std::mem::offset_of;

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Block, Function, GlobalValue, InstBuilder, MemFlagsData, Signature, Type,
    UserFuncName, Value, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_codegen::{Context, ir};
use cranelift_module::{DataDescription, DataId, FuncId, Linkage, Module, default_libcall_names};
use cranelift_object::{ObjectBuilder, ObjectModule};
use rustc_hash::FxHashMap;

use super::debug;
use super::layout::{CodeSizes, Field, Fields, Layout, bytes, state};
use super::{CompiledEntry, EntryKind, Guard, Initial, Model, ObjectError, Source};
use crate::codegen::{CodegenError, CodegenOptions, compile_program, isa};
use crate::ir::{DType, Name, Provenance};
use crate::program::{Frame, Program};

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

/// A function that is being written.
struct Body<'f> {
    at: FuncCursor<'f>,
    parameters: Vec<Value>,
}

impl Body<'_> {
    fn block(&mut self) -> Block {
        self.at.func.dfg.make_block()
    }

    fn number(&mut self, n: usize) -> Value {
        self.at.ins().iconst(types::I64, n as i64)
    }

    fn load(&mut self, ty: Type, from: Value, offset: usize) -> Value {
        self.at.ins().load(ty, MemFlagsData::trusted(), from, offset as i32)
    }

    fn store(&mut self, value: Value, to: Value, offset: usize) {
        self.at.ins().store(MemFlagsData::trusted(), value, to, offset as i32);
    }

    fn within(&mut self, block: Value, offset: usize) -> Value {
        self.at.ins().iadd_imm_s(block, offset as i64)
    }

    fn give(&mut self, value: Value) {
        self.at.ins().return_(&[value]);
    }

    fn give_number(&mut self, n: i64) {
        let n = self.at.ins().iconst(types::I32, n);
        self.give(n);
    }

    /// Goes to `fail` if the comparison holds.
    fn fail_if(&mut self, cc: IntCC, value: Value, n: i64, fail: Block) {
        let next = self.block();
        let holds = self.at.ins().icmp_imm_u(cc, value, n);
        self.at.ins().brif(holds, fail, &[], next, &[]);
        self.at.insert_block(next);
    }

    /// Goes to `block` with the value if it is not `n`.
    fn at_if_not(&mut self, value: Value, n: i64, block: Block) {
        let next = self.block();
        let differs = self.at.ins().icmp_imm_u(IntCC::NotEqual, value, n);
        self.at.ins().brif(differs, block, &[ir::BlockArg::Value(value)], next, &[]);
        self.at.insert_block(next);
    }

    /// The address of data of the object.
    fn address(&mut self, maker: &mut Maker<'_>, data: DataId) -> Value {
        let global: GlobalValue = maker.module.declare_data_in_func(data, self.at.func);
        self.at.ins().symbol_value(types::I64, global)
    }

    /// Calls a function of the C library or of the kernels'.
    fn call(
        &mut self,
        maker: &mut Maker<'_>,
        symbol: &str,
        arguments: &[Value],
        result: Type,
    ) -> Made<Value> {
        let parameters: Vec<Type> =
            arguments.iter().map(|&v| self.at.func.dfg.value_type(v)).collect();
        let signature = signature(&parameters, result, maker.call_conv());
        let id = maker.module.declare_function(symbol, Linkage::Import, &signature);
        let id = id.map_err(refused)?;
        let func = maker.module.declare_func_in_func(id, self.at.func);
        let call = self.at.ins().call(func, arguments);
        let results = self.at.func.dfg.inst_results(call);
        Ok(results.first().copied().unwrap_or(arguments[0]))
    }

    /// Fills the frame and runs a step; returns its status.
    fn frame(
        &mut self,
        maker: &mut Maker<'_>,
        step: Step,
        block: Value,
        (variables, feeds, outputs): (&[Value], &[Value], &[Value]),
    ) -> Made<Value> {
        let tables = maker.layout.tables;
        for (table, values) in tables.into_iter().zip([variables, feeds, outputs]) {
            for (i, &value) in values.iter().enumerate() {
                self.store(value, block, table + 8 * i);
            }
        }
        let frame = self.within(block, state::FRAME);
        let [variables, feeds, outputs] = tables.map(|at| self.within(block, at));
        let arena = self.within(block, maker.layout.arena);
        let constants = match step.constants {
            Some(data) => self.address(maker, data),
            None => self.number(0),
        };
        // One thread's scratch is in the block, that of several where the threads are.
        let own = self.within(block, maker.layout.scratch);
        let theirs = self.load(types::I64, block, state::SCRATCH);
        let scratch = self.at.ins().select(theirs, theirs, own);
        let pool = self.load(types::I64, block, state::POOL);
        let seed = self.load(types::I64, block, state::SEED);
        let number = self.load(types::I64, block, state::STEP);
        let epoch = self.load(types::I64, block, state::EPOCH);
        let none = self.number(0);
        for (value, offset) in [
            (variables, offset_of!(Frame, variables)),
            (feeds, offset_of!(Frame, feeds)),
            (outputs, offset_of!(Frame, outputs)),
            (arena, offset_of!(Frame, arena)),
            (constants, offset_of!(Frame, constants)),
            (scratch, offset_of!(Frame, scratch)),
            (pool, offset_of!(Frame, pool)),
            (seed, offset_of!(Frame, seed)),
            (number, offset_of!(Frame, step)),
            (epoch, offset_of!(Frame, epoch)),
            (number, offset_of!(Frame, batch)),
            (none, offset_of!(Frame, status)),
        ] {
            self.store(value, frame, offset);
        }
        let func = maker.module.declare_func_in_func(step.step, self.at.func);
        self.at.ins().call(func, &[frame]);
        Ok(self.load(types::I64, frame, offset_of!(Frame, status)))
    }

    /// What the caller feeds, each aligned as code expects it: where it is, or in its copy.
    fn feeds(
        &mut self,
        maker: &mut Maker<'_>,
        fields: &Fields,
        (block, io): (Value, Value),
        is_null: Block,
    ) -> Made<Vec<Value>> {
        let mut feeds = vec![];
        for field in &fields.feeds {
            let copy = self.within(block, field.copy);
            let bytes = self.number(bytes(&field.tensor_type));
            let given = match field.is_number {
                true => self.within(io, field.at),
                false => {
                    let given = self.load(types::I64, io, field.at);
                    self.fail_if(IntCC::Equal, given, 0, is_null);
                    given
                }
            };
            feeds.push(self.call(maker, "brolga_model_feed", &[given, copy, bytes], types::I64)?);
        }
        Ok(feeds)
    }

    /// The status of a guard: 0, or that of its check.
    fn guarded(
        &mut self,
        maker: &mut Maker<'_>,
        (guard, program, at): (&Guard, Option<Step>, usize),
        entry: &CompiledEntry,
        (block, feeds): (Value, &[Value]),
    ) -> Made<Value> {
        let own = &entry.program.feeds[guard.feed].1;
        let (indices, tensor_type) = match (program, &guard.computed) {
            (Some(step), Some(program)) => {
                let to = self.within(block, at);
                let feed = |name: &Name| {
                    let at = entry.program.feeds.iter().position(|(other, _)| other == name);
                    feeds[at.expect("it is computed of the entry's feeds")]
                };
                let given: Vec<Value> = program.feeds.iter().map(|(n, _)| feed(n)).collect();
                self.frame(maker, step, block, (&[], &given, &[to]))?;
                (to, &program.outputs[0].tensor_type)
            }
            (_, _) => (feeds[guard.feed], own),
        };
        let dtype = self.at.ins().iconst(types::I32, i64::from(dtype_number(tensor_type.dtype)));
        let n = self.number(tensor_type.n_elements().expect("its dimensions are numbers"));
        let (size, check) = (self.number(guard.size as usize), self.number(guard.check));
        let arguments = [indices, dtype, n, size, check];
        self.call(maker, "brolga_model_outside", &arguments, types::I64)
    }

    /// Where the variables of a program lie.
    fn variables(&mut self, maker: &Maker<'_>, program: &Program, block: Value) -> Vec<Value> {
        let place = |name: &Name| {
            let at = maker.model.variables.iter().position(|v| v.name == *name);
            maker.layout.variables[at.expect("every variable of a program was declared")]
        };
        program.variables.iter().map(|(name, _)| self.within(block, place(name))).collect()
    }

    /// Gives the caller what was found: numbers in the struct, arrays where it wants them.
    fn results(
        &mut self,
        maker: &mut Maker<'_>,
        results: &[Field],
        (block, io): (Value, Value),
    ) -> Made<()> {
        for field in results {
            let copy = self.within(block, field.copy);
            let bytes = self.number(bytes(&field.tensor_type));
            if field.is_number {
                let to = self.within(io, field.at);
                self.call(maker, "memcpy", &[to, copy, bytes], types::I64)?;
                continue;
            }
            let to = self.load(types::I64, io, field.at);
            let (wanted, next) = (self.block(), self.block());
            self.at.ins().brif(to, wanted, &[], next, &[]);
            self.at.insert_block(wanted);
            self.call(maker, "memcpy", &[to, copy, bytes], types::I64)?;
            self.at.ins().jump(next, &[]);
            self.at.insert_block(next);
        }
        Ok(())
    }
}
