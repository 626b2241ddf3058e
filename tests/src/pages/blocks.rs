//! The blocks of a page, and the rows of its tables that show the language.

/// What stands between lines of three backquotes, or in a row of a table.
#[derive(Debug)]
pub(crate) struct Block {
    /// What the page says of it: `graph values`.
    pub(crate) info: String,
    /// The lines within.
    pub(crate) text: String,
    /// The number of its first line in the page.
    pub(crate) line: usize,
}

/// The blocks of a page in order. A row of a table with a column that is headed `.graph` is a part
/// of the language, of as many lines as the cell has code spans; with a column `variables` beside
/// it, it is one that tells the names of the variables that it makes.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = vec![];
    let (mut is_open, mut head) = (false, None);
    for (number, line) in page.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            is_open = !is_open;
            if is_open {
                let (info, text) = (info.trim().to_string(), String::new());
                found.push(Block { info, text, line: number + 2 });
            }
        } else if let (true, Some(block)) = (is_open, found.last_mut()) {
            block.text.push_str(&format!("{line}\n"));
        } else if line.starts_with('|') {
            let cells = cells(line);
            match &head {
                None => head = Some(cells),
                Some(head) => found.extend(row(head, &cells, number + 1)),
            }
        } else {
            head = None;
        }
    }
    found
}

fn cells(line: &str) -> Vec<&str> {
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// The code spans of a text.
pub(super) fn spans(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn row(head: &[&str], cells: &[&str], line: usize) -> Option<Block> {
    let column = |name: &str| head.iter().position(|cell| *cell == name);
    let code: Vec<&str> = spans(cells.get(column("`.graph`")?)?).collect();
    let mut text = code.join("\n");
    let mut info = "graph part";
    if let Some(names) = column("variables") {
        info = "graph names";
        text.push_str(" #");
        spans(cells.get(names)?).for_each(|name| text.push_str(&format!(" {name}")));
    }
    (!code.is_empty()).then(|| Block { info: info.to_string(), text, line })
}
