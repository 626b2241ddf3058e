//! Machine code as text, each part under what it is for.

use std::fmt::Write;
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, Formatter, GasFormatter, Instruction};

use super::{CodeOrigins, Described, MachineCode};

/// The most bytes of data on a line.
const DATA: usize = 16;

/// The instructions of a function for x86-64, each with its offset, in the order of the code; whenever
/// what they are for changes, a line says it.
pub fn listing(code: &MachineCode, origins: &CodeOrigins, described: &Described<'_>) -> String {
    let mut text = String::new();
    let end = origins.end() as usize;
    let mut decoder = Decoder::new(64, &code.bytes[..end], DecoderOptions::NONE);
    let (mut formatter, mut instruction) = (GasFormatter::new(), Instruction::default());
    formatter.options_mut().set_uppercase_hex(false);
    formatter.options_mut().set_branch_leading_zeros(false);
    let mut ranges = origins.iter().peekable();
    while decoder.can_decode() {
        let at = decoder.position() as u32;
        while let Some((range, numbers)) = ranges.next_if(|(range, _)| range.start <= at) {
            if range.end > at {
                let _ = writeln!(text, "; {}", described.line(numbers));
            }
        }
        decoder.decode_out(&mut instruction);
        let mut line = String::new();
        formatter.format(&instruction, &mut line);
        let _ = write!(text, "{at:6x}:  {line}");
        let covers = at..decoder.position() as u32;
        if let Some((_, symbol)) = relocation(code, &covers) {
            let _ = write!(text, "  # {symbol}");
        }
        text.push('\n');
    }
    let mut at = end;
    while at < code.bytes.len() {
        let next = ((at / DATA + 1) * DATA).min(code.bytes.len());
        let bytes: Vec<String> = code.bytes[at..next].iter().map(|b| format!("{b:02x}")).collect();
        let _ = writeln!(text, "{at:6x}:  .byte {}", bytes.join(" "));
        at = next;
    }
    text
}

fn relocation<'a>(code: &'a MachineCode, covers: &Range<u32>) -> Option<&'a (u32, String)> {
    code.relocations.iter().find(|(at, _)| covers.contains(at))
}
