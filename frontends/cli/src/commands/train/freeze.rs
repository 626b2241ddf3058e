//! Params that stay as they are.

use std::sync::Arc;

use brolga::text::spelling::similar;

use crate::failure::Failure;
use crate::model::ReadFile;

/// Lets the steps of a program train no param that a pattern names: `hidden` names it and all below
/// it, a `*` stands for any characters.
pub(super) fn freeze(program: &mut ReadFile, patterns: &[String]) -> Result<(), Failure> {
    for pattern in patterns {
        let module = Arc::make_mut(&mut program.module);
        let is_named = |name: &str| {
            let scope = name.match_indices('.').any(|(at, _)| matches(pattern, &name[..at]));
            scope || matches(pattern, name)
        };
        let frozen = module.freeze(is_named);
        if frozen.is_empty() {
            let message = format!("no step trains a param named `{pattern}`");
            let names = module.variables.keys().flat_map(|name| {
                name.match_indices('.').map(|(at, _)| &name[..at]).chain([&**name])
            });
            let help = match similar(pattern, names) {
                Some(near) => format!("is `{near}` meant?"),
                None => "`brolga check` lists the params".to_string(),
            };
            return Err(Failure::input("E0670", &message, &help));
        }
        let names: Vec<&str> = frozen.iter().map(|name| &**name).collect();
        eprintln!("frozen: {}", names.join(", "));
    }
    let mut groups = program.module.train.steps.iter().flat_map(|step| &step.groups);
    if !patterns.is_empty() && groups.all(|group| group.variables.is_empty()) {
        let message = "every param is frozen, so there is nothing to train";
        return Err(Failure::input("E0670", message, "freeze fewer of them"));
    }
    Ok(())
}

/// Whether a text is what a pattern says, in which a `*` stands for any characters.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text) in
            [("a", "a"), ("*", ""), ("*.b", "a.b"), ("a*b*c", "a1b22c"), ("a*", "a")]
        {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("a", "ab"), ("a", ""), ("*.b", "a.bc"), ("ab*b", "ab"), ("a*b", "abc")]
        {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}
