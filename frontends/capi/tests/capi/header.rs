//! `include/brolga.h` is what the declarations of the crate say; `BLESS=1` writes it anew.

use std::path::Path;

use similar::TextDiff;

#[test]
fn the_header_is_that_of_the_declarations() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = vec![];
    cbindgen::generate(own).expect("the crate declares what C knows").write(&mut text);
    let made = String::from_utf8(text).expect("the header is text");
    let path = own.join("include/brolga.h");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).expect("the folder can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = TextDiff::from_lines(&kept, &made);
    assert!(kept == made, "BLESS=1 writes it anew\n{}", diff.unified_diff());
}
