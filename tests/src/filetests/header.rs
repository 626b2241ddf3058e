//! The header of a file: comment lines before its first statement.

use std::collections::BTreeMap;

use brolga_compiler::ir::Binding;

/// What a header says.
pub(crate) struct Header {
    /// The command: `pass`.
    pub(crate) command: String,
    /// Its arguments without a name: `cse`.
    pub(crate) arguments: Vec<String>,
    /// `--entry train`.
    options: BTreeMap<String, String>,
    /// `# input x = [1, 2]`: the elements of inputs.
    pub(crate) inputs: BTreeMap<String, Vec<f64>>,
}

/// Reads the lines `# test: pass cse --dim batch=4`, each a command, and `# input x = [1, nan]`.
pub(crate) fn parse(text: &str) -> Result<Vec<Header>, String> {
    let lines = text.lines().take_while(|line| line.starts_with('#') || line.is_empty());
    let inputs = lines.clone().filter_map(|line| line.strip_prefix("# input "));
    let inputs: BTreeMap<String, Vec<f64>> = inputs.map(input).collect::<Result<_, String>>()?;
    let commands = lines.filter_map(|line| line.strip_prefix("# test: "));
    let headers: Vec<Header> =
        commands.map(|line| header(line, &inputs)).collect::<Result<_, String>>()?;
    if headers.is_empty() { Err("no line is `# test: COMMAND`".to_string()) } else { Ok(headers) }
}

fn header(line: &str, inputs: &BTreeMap<String, Vec<f64>>) -> Result<Header, String> {
    let mut words = line.split_whitespace();
    let command = words.next().ok_or("there is no command")?.to_string();
    let (mut arguments, mut options) = (vec![], BTreeMap::new());
    while let Some(word) = words.next() {
        match word.strip_prefix("--") {
            Some(name) => {
                let value = words.next().ok_or(format!("`--{name}` has no value"))?;
                options.insert(name.to_string(), value.to_string());
            }
            None => arguments.push(word.to_string()),
        }
    }
    Ok(Header { command, arguments, options, inputs: inputs.clone() })
}

fn input(line: &str) -> Result<(String, Vec<f64>), String> {
    let (name, list) = line.split_once('=').ok_or(format!("`{line}` has no value"))?;
    let numbers = list.split(|c: char| "[], ".contains(c)).filter(|text| !text.is_empty());
    let numbers: Result<Vec<f64>, _> = numbers.map(str::parse).collect();
    Ok((name.trim().to_string(), numbers.map_err(|e| format!("`{line}`: {e}"))?))
}

impl Header {
    /// The text of an option.
    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// A number among the options.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.option(name).and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    /// The bindings of `--dim batch=1,7,33`: every combination.
    pub(crate) fn bindings(&self) -> Result<Vec<Binding>, String> {
        let mut bindings = vec![Binding::default()];
        let dims = self.option("dim").unwrap_or_default().split(';').filter(|d| !d.is_empty());
        for dim in dims {
            let (name, numbers) = dim.split_once('=').ok_or(format!("`{dim}` has no number"))?;
            let numbers: Result<Vec<u64>, _> = numbers.split(',').map(str::parse).collect();
            let numbers = numbers.map_err(|e| format!("`{dim}`: {e}"))?;
            let with = |binding: &Binding| {
                let binding = binding.clone();
                numbers.iter().map(move |&n| {
                    let mut binding = binding.clone();
                    binding.bind(name, n);
                    binding
                })
            };
            bindings = bindings.iter().flat_map(|b| with(b).collect::<Vec<Binding>>()).collect();
        }
        Ok(bindings)
    }

    /// The ranges of `--range label=10;token=65`.
    pub(crate) fn range(&self, input: &str) -> u64 {
        let ranges = self.option("range").unwrap_or_default().split(';');
        let of_input = ranges.filter_map(|r| r.split_once('=')).find(|(name, _)| *name == input);
        of_input.and_then(|(_, n)| n.parse().ok()).unwrap_or(10)
    }
}
