//! What `--json` and `--log` write: which fields there are, and what they hold.

use brolga::Literal;
use serde_json::{Value, json};

use crate::workplace::Workplace;

/// The names of the members, in alphabetical order.
fn members(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> =
        value.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn is_time(value: &Value) -> bool {
    value.as_f64().is_some_and(|ms| ms >= 0.0)
}

#[test]
fn check_reports_variables_and_entries() {
    let report = Workplace::new("check_report").json("check mlp.graph --dim batch=8");
    assert_eq!(members(&report), ["entries", "layers", "trainable", "variables", "warnings"]);
    assert_eq!(report["trainable"], 67);
    let layer = |name: &str, outputs: &str, params: usize| json!({"name": name, "function": "dense", "outputs": [outputs], "params": params});
    let layers =
        json!([layer("hidden.dense", "f32[batch, 8]", 40), layer("logits", "f32[batch, 3]", 27)]);
    assert_eq!((&report["layers"], &report["warnings"]), (&layers, &json!([])));
    let w = json!({"name": "hidden.dense.w", "kind": "param", "type": "f32[4, 8]", "count": 32});
    assert_eq!(report["variables"][0], w);
    let entries = report["entries"].as_array().expect("a list");
    let names: Vec<&Value> = entries.iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["train", "eval", "run"]);
    for entry in entries {
        assert_eq!(members(entry), ["flops", "inputs", "name", "peak_bytes", "results"]);
        assert!(entry["flops"].as_u64() > Some(0) && entry["peak_bytes"].as_u64() > Some(0));
    }
    assert_eq!(entries[2]["inputs"], json!([{"name": "x", "type": "f32[batch, 4]"}]));
    let probability = json!([{"name": "probability", "type": "f32[batch, 3]"}]);
    assert_eq!(entries[2]["results"], probability);
}

#[test]
fn what_check_finds_is_what_training_needs() {
    let place = Workplace::new("memory_report");
    let check = "check mlp.graph --dim batch=25 --threads 2";
    let report = place.json(check);
    let bytes = report["entries"][0]["peak_bytes"].as_u64().expect("a number");
    place.done(&format!("{check} --memory-limit {bytes}"));
    let refused = place.run(&format!("{check} --memory-limit {}", bytes - 1));
    assert!(refused.status == 1 && refused.stderr.contains("E0652"), "{}", refused.stderr);
    // The data are 50 rows of five numbers, in whole cache lines.
    let train = "train mlp.graph --data points.npz --batch-size 25 --threads 2 --memory-limit";
    place.done(&format!("{train} {}", bytes + 1024));
    let refused = place.run(&format!("{train} {}", bytes + 1023));
    assert!(refused.status == 1 && refused.stderr.contains("E0652"), "{}", refused.stderr);
}

#[test]
fn a_loop_that_is_computed_again_takes_the_memory_of_its_chunks() {
    let place = Workplace::new("long_loop");
    let bytes = |next: &str| {
        let text = format!(
            "input x: f32[batch, 10000]\nparam w: f32[16, 16] = orthogonal\n\
             h = scan(x_t in x, axis=1, h = zeros([batch, 16])) {{\n    h = {next}\n}}\n\
             minimize mean(square(h)) with sgd(lr=0.1)\n"
        );
        place.write("long.graph", &text);
        let report = place.json("check long.graph --dim batch=8");
        report["entries"][0]["peak_bytes"].as_u64().expect("a number")
    };
    // Of 10,000 carries of half a kilobyte some 200 are kept at a time; the data of five batches, four
    // of them loaded ahead, are 1,600,000 bytes.
    assert!(bytes("tanh(h @ w + expand_dims(x_t, 1))") > 6_000_000);
    assert!(bytes("remat(tanh(h @ w + expand_dims(x_t, 1)))") < 2_300_000);
}

#[test]
fn params_of_the_size_that_is_assumed_are_counted() {
    let place = Workplace::new("counted");
    assert_eq!(place.json("check shapes.graph")["trainable"], 32);
    assert_eq!(place.json("check shapes.graph --dim n=4")["trainable"], 4);
}

#[test]
fn train_reports_its_epochs() {
    let place = Workplace::new("train_report");
    let train = "train mlp.graph --data points.npz --validation points.npz --epochs 2";
    let report = place.json(train);
    assert_eq!(members(&report), ["epoch", "epochs", "step"]);
    // 50 rows are two batches of at most 32.
    assert_eq!((&report["step"], &report["epoch"]), (&json!(4), &json!(2)));
    let epochs = report["epochs"].as_array().expect("a list");
    assert_eq!(epochs.len(), 2);
    for (number, epoch) in epochs.iter().enumerate() {
        assert_eq!(members(epoch), ["epoch", "lr", "ms", "train", "validation"]);
        assert_eq!(epoch["lr"], 0.01);
        assert!(epoch["epoch"] == number && is_time(&epoch["ms"]));
        assert_eq!(members(&epoch["train"]), ["accuracy", "loss"]);
        assert_eq!(members(&epoch["validation"]), ["accuracy", "loss"]);
    }
}

#[test]
fn the_log_has_a_line_a_batch_and_a_line_an_epoch() {
    let place = Workplace::new("log");
    let train = "train mlp.graph --data points.npz --validation-split 0.2 --epochs 2";
    place.done(&format!("{train} --batch-size 16 --log log.jsonl"));
    let lines = place.json_lines("log.jsonl");
    // 40 rows are left, three batches an epoch.
    assert_eq!(lines.len(), 8);
    let (batches, epochs): (Vec<&Value>, Vec<&Value>) =
        lines.iter().partition(|line| line.get("step").is_some());
    for (step, line) in batches.iter().enumerate() {
        assert_eq!(members(line), ["accuracy", "epoch", "loss", "lr", "ms", "step"]);
        assert!(line["step"] == step && line["epoch"] == step / 3 && is_time(&line["ms"]));
    }
    for (number, line) in epochs.iter().enumerate() {
        assert_eq!(members(line), ["epoch_end", "lr", "train", "validation"]);
        assert_eq!(line["epoch_end"], number);
    }
    // The epoch's loss is the mean of its batches', weighted by rows: 16, 16 and 8.
    let loss = |line: &Value| line["loss"].as_f64().expect("a number");
    let mean = (16.0 * loss(batches[0]) + 16.0 * loss(batches[1]) + 8.0 * loss(batches[2])) / 40.0;
    let reported = epochs[0]["train"]["loss"].as_f64().expect("a number");
    assert!((mean - reported).abs() < 1e-6, "{mean} is not {reported}");
}

#[test]
fn a_metric_that_is_a_tensor_is_a_list_and_one_that_is_no_number_is_null() {
    let place = Workplace::new("metrics");
    let report = place.json("eval reported.graph --data points.npz --batch-size 16");
    assert_eq!(members(&report), ["confusion", "loss", "rows", "undefined"]);
    let confusion = report["confusion"].as_array().expect("a list").iter();
    let count: f64 =
        confusion.flat_map(|row| row.as_array().expect("a list")).filter_map(Value::as_f64).sum();
    assert_eq!((count, &report["rows"]), (50.0, &json!(50.0)));
    assert_eq!(report["undefined"], Value::Null);
}

#[test]
fn a_matrix_is_a_table_of_an_epoch_and_one_result() {
    let place = Workplace::new("tables");
    let text = place.done("eval reported.graph --data points.npz").stdout;
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| *line == "confusion, rows by columns:");
    let table = &lines[at.expect("the table has a title") + 1..][..4];
    assert!(table.iter().all(|line| line.len() == table[0].len()), "{text}");
    let numbers = |line: &str| -> Vec<f64> {
        line.split_whitespace().map(|x| x.parse().expect("a number")).collect()
    };
    assert_eq!(numbers(table[0]), [0.0, 1.0, 2.0]);
    let rows: Vec<Vec<f64>> = table[1..].iter().map(|line| numbers(line)).collect();
    assert_eq!((rows[0][0], rows[1][0], rows[2][0]), (0.0, 1.0, 2.0));
    assert_eq!(rows.iter().flat_map(|row| &row[1..]).sum::<f64>(), 50.0);
    // The log has it once an epoch.
    place.done("train reported.graph --data points.npz --epochs 1 --log log.jsonl");
    for line in place.json_lines("log.jsonl") {
        let of_epoch = line.get("train").map(|train| train.get("confusion").is_some());
        assert_eq!((of_epoch.unwrap_or(true), line.get("confusion")), (true, None), "{line}");
    }
    // A metric is one result, whatever sums it is made of.
    let checked = place.json("check reported.graph");
    let entries = checked["entries"].as_array().expect("a list");
    let eval = entries.iter().find(|entry| entry["name"] == "eval").expect("it has metrics");
    let of = |name: &str, kind: &str| json!({"name": name, "type": kind});
    let wanted = [
        of("loss", "f32"),
        of("confusion", "f32[3, 3]"),
        of("rows", "f32"),
        of("undefined", "f32"),
    ];
    assert_eq!(eval["results"].as_array().expect("a list"), &wanted);
}

#[test]
fn run_reports_values_and_predict_their_types() {
    let place = Workplace::new("values_report");
    let report = place.json("run values.graph --input x=integers.npy --fetch wrapped quotient");
    let wrapped = json!([2147483646, 2147483647, -2147483648_i64, -2147483647, -2147483646]);
    assert_eq!(report, json!({"wrapped": wrapped, "quotient": [0, 0, 0, 0, 0]}));
    let report = place.json("predict reported.graph --data points.npz --output out.npz");
    assert_eq!(report, json!({"class": "i32[50]", "probability": "f32[50, 3]"}));
}

#[test]
fn bench_reports_what_a_step_consists_of() {
    let place = Workplace::new("bench_report");
    let bench = "bench mlp.graph --steps 5 --dim batch=32";
    let report = place.json(&format!("{bench} --against eager"));
    let of_any = [
        "compile_ms",
        "compile_passes",
        "compile_phases",
        "losses",
        "median_ms",
        "p10_ms",
        "p90_ms",
    ];
    let of_code = ["arena_bytes", "calls", "eval_calls", "kernels", "library_calls", "waves"];
    let of_both = ["eager", "peak_rss_bytes", "speedup", "unsteady"];
    let mut wanted = [&of_any[..], &of_code, &of_both].concat();
    wanted.sort_unstable();
    assert_eq!(members(&report), wanted);
    assert!(of_code.iter().all(|name| report[name].is_u64()));
    assert_eq!(report["eval_calls"], 0);
    assert!(report["eager"]["eval_calls"].as_u64() > Some(10), "{}", report["eager"]);
    let losses = |report: &Value| report["losses"].as_array().expect("a list").clone();
    let (compiled, eager) = (losses(&report), losses(&report["eager"]));
    assert_eq!((compiled.len(), eager.len()), (20, 20));
    for (a, b) in compiled.iter().zip(&eager) {
        let (a, b) = (a.as_f64().expect("a number"), b.as_f64().expect("a number"));
        assert!((a - b).abs() < 1e-4, "{a} is not {b}");
    }
    let report = place.json(&format!("{bench} --data points.npz"));
    assert!(report.get("eager").is_none());
}

#[test]
fn data_reports_what_a_source_holds() {
    let place = Workplace::new("data_report");
    let report = place.json("data people.csv?label=town&missing=mean&ignore=name --examples 2");
    assert_eq!(members(&report), ["arrays", "examples", "part", "rows", "source"]);
    assert_eq!((&report["rows"], &report["part"]), (&json!(5), &Value::Null));
    let age = json!({
        "name": "age", "min": 28.0, "max": 61.0, "mean": 42.25, "nan": 0, "infinite": 0
    });
    let [x, label] = &report["arrays"].as_array().expect("a list")[..] else { panic!("two") };
    let of_floats = ["columns", "infinite", "max", "mean", "min", "name", "nan", "type"];
    assert_eq!((members(x), &x["type"]), (of_floats.to_vec(), &json!("f32[5, 1]")));
    assert_eq!(x["columns"], json!([age]));
    let classes = json!([
        {"class": 0, "name": "Oslo", "count": 2}, {"class": 1, "name": "Rome", "count": 3}
    ]);
    let of_labels = ["classes", "max", "min", "name", "names", "type"];
    assert_eq!((members(label), &label["classes"]), (of_labels.to_vec(), &classes));
    let examples = json!([{"x": [61.0], "label": 1}, {"x": [42.25], "label": 0}]);
    assert_eq!(report["examples"], examples);

    let report = place.json("data text:words.txt?seq=5&split=test --examples 1");
    assert_eq!(report["part"], "test");
    assert_eq!(report["examples"][0]["tokens"]["text"], "he qu");
    assert_eq!(report["arrays"][1]["names"].as_array().map(Vec::len), Some(28));
}

#[test]
fn references_and_drawings_are_json_too() {
    let place = Workplace::new("references");
    let sum = place.json("ops sum");
    assert_eq!(members(&sum[0]), ["arguments", "doc", "kind", "name", "types"]);
    assert_eq!(sum[0]["types"]["f64"], "runs");
    assert_eq!(sum[0]["types"]["bool"], "E0204");
    assert_eq!(sum[0]["types"]["bf16"], "E0222");
    assert_eq!(place.json("ops adam")[0]["kind"], "optimiser");
    let code = place.json("explain E0203");
    assert_eq!(members(&code[0]), ["code", "explanation", "title"]);
    assert!(place.json("explain").as_array().is_some_and(|codes| codes.len() > 50));
    for stage in ["parsed", "typed", "fused", "loops", "memory", "clif", "asm"] {
        place.json(&format!("dump mlp.graph --stage {stage}"));
    }
    assert!(place.json("dump mlp.graph --pass-by-pass").is_array());
    let softmax = place.json("std softmax");
    assert_eq!(softmax[0]["name"], "softmax");
    for stage in ["typed", "gradient", "optimized"] {
        let dump = format!("dump mlp.graph --stage {stage} --dim batch=4 --format json");
        let outcome = place.done(&dump);
        serde_json::from_str::<Value>(&outcome.stdout).expect("a graph is JSON");
    }
}

#[test]
fn predictions_are_joined_in_the_order_of_the_data() {
    let place = Workplace::new("predictions");
    let predict = |rows: usize| -> Vec<(String, Literal)> {
        let to = format!("by_{rows}.npz");
        let batches = format!("--batch-size {rows} --output {to}");
        place.done(&format!("predict reported.graph --data points.npz {batches}"));
        place.read_npz(&to)
    };
    let whole = predict(50);
    let names: Vec<&str> = whole.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["class", "probability"]);
    for rows in [1, 7, 32] {
        assert_eq!(predict(rows), whole, "in batches of {rows}");
    }
    // `run` computes the same of the same array.
    place.done("run reported.graph --input points.npz --fetch probability class --output run.npz");
    for (name, value) in place.read_npz("run.npz") {
        assert!(whole.contains(&(name.clone(), value)), "{name}");
    }
}

#[test]
fn gradients_are_checked_against_differences() {
    let place = Workplace::new("gradcheck");
    let report = place.json("gradcheck mlp.graph --dim batch=8");
    let step = &report["steps"][0];
    assert_eq!(members(step), ["gradients", "loss", "step"]);
    let gradients = step["gradients"].as_array().expect("a list");
    let names: Vec<&Value> = gradients.iter().map(|g| &g["parameter"]).collect();
    assert_eq!(names, ["hidden.dense.w", "hidden.dense.b", "logits.w", "logits.b"]);
    for gradient in gradients {
        assert_eq!(gradient["holds"], true);
        assert!(gradient["gradient"].as_f64().is_some_and(|g| g != 0.0), "{gradient}");
        assert!(gradient["off"].as_f64().is_some_and(|off| off < 1e-6), "{gradient}");
    }
    // What is cut has no slope of its own: the gradient is half of what the loss shows.
    let text = "param w: f32[3] = ones\nminimize sum(w * stop_gradient(w)) with sgd()\n";
    place.write("cut.graph", text);
    let outcome = place.run("gradcheck cut.graph");
    assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 of 1 gradients are no slopes"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("no slope"), "{}", outcome.stdout);
    // A result of a loop that nothing reads, but its gradient could.
    let text = "input x: f32[batch, 3, 4]\nparam w: f32[4, 4] = glorot_uniform\n\
                last, all = scan(p in x, axis=1, h = zeros([batch, 4])) {\n\
                h = tanh(p + h @ w)\nemit h\n}\nminimize sum(last * last) with sgd()\n";
    place.write("unread.graph", text);
    place.done("gradcheck unread.graph --batch-size 2");
    // States and two steps; bools and indices among the inputs.
    let text = "input x: f32[batch, 5, 2]\ninput label: i32[batch]\ninput keep: bool[batch]\n\
        state seen: f32[2] = zeros\nsums = cumsum(x - seen, axis=1)\n\
        last = tanh(dense(sums[:, -1], 4))\nlogits = dense(last, 3)\n\
        loss = sparse_softmax_cross_entropy(logits, label, reduction=\"none\")\n\
        step one: minimize mean(select(keep, loss, 0.0)) over logits with sgd()\n\
        step two: minimize mean(loss) + l2(params(\"last.*\")) over last with adam()\n";
    place.write("steps.graph", text);
    let report = place.json("gradcheck steps.graph --dim batch=3 --range label=3");
    let steps = report["steps"].as_array().expect("a list");
    assert_eq!(steps.len(), 2);
    assert!(steps.iter().all(|step| !step["gradients"].as_array().expect("a list").is_empty()));
    place.write("none.graph", "input x: f32[3]\noutput y = x\n");
    let refused = place.run("gradcheck none.graph");
    assert!(refused.status == 1 && refused.stderr.contains("E0"), "{}", refused.stderr);
}

/// Calls of `grad`: with respect to inputs, variables and what is bound, of the second order, in
/// updates and in the bodies of loops.
#[test]
fn gradients_that_a_file_asks_for_are_checked() {
    let place = Workplace::new("gradcheck_calls");
    let text = "input x: f32[batch, n]\nparam w: f32[n, 2] = glorot_uniform\n\
        h = tanh(x @ w)\ns = sum(square(h))\ndx, dh = grad(s, [x, h])\n\
        penalty = sum(square(dx)) + sum(dh)\n\
        dw = grad(penalty, w)\nupdate w <- w - 0.1 * dw\n\
        last = scan(x_t in x, c = 1.0) {\n    y = sum(x_t) * c * c\n\
            c = c * 0.5 + grad(sin(y), c)\n}\noutput last\n";
    place.write("calls.graph", text);
    let report = place.json("gradcheck calls.graph --batch-size 5 --dim n=3");
    assert_eq!(report["steps"].as_array().map(Vec::len), Some(0));
    let calls = report["calls"].as_array().expect("a list");
    let at: Vec<&Value> = calls.iter().map(|call| &call["at"]).collect();
    assert_eq!(at, ["calls.graph:5:10", "calls.graph:7:6", "calls.graph:11:15"]);
    assert!(calls.iter().all(|call| members(call) == ["at", "gradients", "value"]));
    let gradients = calls.iter().flat_map(|call| call["gradients"].as_array().expect("a list"));
    let gradients: Vec<&Value> = gradients.collect();
    let of: Vec<String> =
        gradients.iter().map(|g| format!("{} {}", g["value"], g["type"])).collect();
    let wanted = ["x f32[5, 3]", "h f32[5, 2]", "w f32[3, 2]", "c f32"];
    assert_eq!(of.join(", ").replace('"', ""), wanted.join(", "));
    for gradient in gradients {
        assert_eq!(gradient["holds"], true);
        assert!(gradient["gradient"].as_f64().is_some_and(|g| g != 0.0), "{gradient}");
        assert!(gradient["off"].as_f64().is_some_and(|off| off < 1e-6), "{gradient}");
    }
    // What is cut, and where it stands.
    let text = "input x: f32[3]\ny = sum(x * stop_gradient(x))\noutput dx = grad(y, x)\n";
    place.write("cut.graph", text);
    let outcome = place.run("gradcheck cut.graph");
    assert_eq!(outcome.status, 1, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("1 of 1 gradients are no slopes"), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("grad at cut.graph:3:13"), "{}", outcome.stdout);
    // The rows of a batch are said once.
    let refused = place.run("gradcheck calls.graph --batch-size 5 --dim batch=4");
    assert!(refused.status == 2 && refused.stderr.contains("differ"), "{}", refused.stderr);
}

/// The columns of every variable belong to the innermost call that stands in the file.
#[test]
fn check_shows_layers_as_a_summary() {
    let place = Workplace::new("layers");
    let text = "input x: f32[batch, 12, 4]\nshared tied: dense(units=4)\n\
        h = lstm(x, 8, return_sequences=true)\nh = dense(h, 4)\nh = tied(tied(h))\n\
        y, last = gru(h, 3, return_state=true)\nparam w: f32[3] = ones\n\
        output out = y * w + last\n";
    place.write("layers.graph", text);
    let report = place.json("check layers.graph");
    let rows: Vec<(&str, &str, String, u64)> = report["layers"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|layer| {
            let text = |key: &str| layer[key].as_str().expect("a text");
            let outputs = layer["outputs"].to_string().replace('"', "");
            (text("name"), text("function"), outputs, layer["params"].as_u64().expect("known"))
        })
        .collect();
    let wanted = [
        ("h", "lstm", "[f32[batch, 12, 8]]", 4 * 8 * (4 + 8 + 1)),
        ("h.1", "dense", "[f32[batch, 12, 4]]", 36),
        ("tied", "dense", "[f32[batch, 12, 4]]", 20),
        ("y", "gru", "[f32[batch, 3],f32[batch, 3]]", 3 * 3 * (4 + 3 + 2)),
    ];
    let wanted = wanted.map(|(name, function, outputs, n)| (name, function, outputs.into(), n));
    assert_eq!(rows, wanted);
    let printed = place.done("check layers.graph").stdout;
    let first: Vec<&str> = printed.lines().take(2).collect();
    assert_eq!(
        first[0].split_whitespace().collect::<Vec<_>>(),
        ["layer", "function", "output", "params"]
    );
    assert!(first[1].starts_with("h") && first[1].ends_with("416"), "{printed}");
}

/// What is declared and not used, in `check` and in `train`.
#[test]
fn what_nothing_reads_is_said() {
    let place = Workplace::new("unused");
    let text = "input x: f32[batch, 4]\ninput label: i32[batch]\ninput more: f32[batch, 2]\n\
        input sized: f32[batch, n]\nparam scale: f32 = ones\nparam cut: f32[3] = ones\n\
        state seen: f32 = zeros\nparam spare: f32 = ones\n\
        idle = relu(dense(x, 16))\nlogits = dense(x, 3) / n\n\
        shown = logits + stop_gradient(cut)\noutput guess = argmax(shown * scale, axis=-1)\n\
        minimize sparse_softmax_cross_entropy(shown, label) with sgd()\n";
    place.write("unused.graph", text);
    let report = place.json("check unused.graph");
    let warnings = report["warnings"].as_array().expect("a list").iter();
    let warnings: Vec<(&str, u64, &str)> = warnings
        .map(|warning| {
            let text = |key: &str| warning[key].as_str().expect("a text");
            (text("code"), warning["line"].as_u64().expect("a line"), text("text"))
        })
        .collect();
    let wanted = [
        ("E0416", 3, "nothing reads the input `more`"),
        ("E0417", 5, "no loss reaches the param `scale`: it is not trained"),
        ("E0417", 6, "no loss reaches the param `cut`: it is not trained"),
        ("E0416", 7, "nothing reads the state `seen`"),
        ("E0416", 8, "nothing reads the param `spare`"),
        ("E0416", 9, "nothing reads the result of the layer `idle.dense`"),
    ];
    assert_eq!(warnings, wanted);
    let sized = Literal::from_vec(&[6, 2], vec![0f32; 12]).expect("two a row");
    let x = Literal::from_vec(&[6, 4], vec![0.5f32; 24]).expect("four a row");
    let label = Literal::from_vec(&[6], vec![0i32, 1, 2, 0, 1, 2]).expect("one a row");
    place.write_npz("data.npz", &[("x", x), ("label", label), ("sized", sized)]);
    let trained = place.done("train unused.graph --data data.npz");
    for (_, line, text) in wanted {
        let place = format!("--> unused.graph:{line}:");
        assert!(trained.stderr.contains(text) && trained.stderr.contains(&place), "{text}");
    }
    // Params that are frozen are meant so.
    let frozen = place.done("train mlp.graph --data points.npz --freeze hidden");
    assert!(!frozen.stderr.contains("E041"), "{}", frozen.stderr);
}

/// Learning rates are those of the step, by the names of steps and groups.
#[test]
fn learning_rates_are_reported() {
    let place = Workplace::new("rates");
    let model = |ending: &str| {
        format!(
            "input x: f32[batch, 4]\ninput label: i32[batch]\nlogits = dense(x, 3)\n\
             loss = sparse_softmax_cross_entropy(logits, label)\n{ending}\n"
        )
    };
    let trained = |ending: &str| {
        place.write("rates.graph", model(ending));
        let train = "train rates.graph --data points.npz --batch-size 10 --epochs 2";
        let outcome = place.done(&format!("{train} --log log.jsonl"));
        (place.json_lines("log.jsonl"), outcome.stderr)
    };
    let rate = |line: &Value, name: &str| line[name].as_f64().expect("a number");
    let (lines, shown) = trained("minimize loss with sgd(lr=cosine_decay(0.1, 8))");
    for (step, line) in lines.iter().filter(|line| line.get("step").is_some()).enumerate() {
        let done = (step as f64 / 8.0).min(1.0);
        let wanted = 0.05 * (1.0 + (std::f64::consts::PI * done).cos());
        assert!((rate(line, "lr") - wanted).abs() < 1e-6, "{line}: not {wanted}");
    }
    let ends: Vec<f64> =
        lines.iter().filter(|l| l.get("epoch_end").is_some()).map(|l| rate(l, "lr")).collect();
    assert!((ends[0] - 0.05).abs() < 1e-6 && ends[1].abs() < 1e-6, "{ends:?}");
    assert!(shown.contains(", lr 0.05; "), "{shown}");
    let (lines, _) = trained(
        "minimize loss over logits.w with adam(lr=warmup(1e-2, 4)) over logits.b with sgd(lr=0.5)",
    );
    assert!((rate(&lines[0], "lr.0") - 0.0025).abs() < 1e-9 && rate(&lines[0], "lr.1") == 0.5);
    let (lines, _) = trained(
        "step a: minimize loss over logits.w with adam()\n\
         step b: minimize loss over logits.b with sgd(lr=exponential_decay(0.5, 1, 0.5)) every 2",
    );
    assert_eq!((rate(&lines[1], "a.lr"), rate(&lines[1], "b.lr")), (0.001, 0.25));
    // The file's own metric of that name is what is reported.
    let (lines, _) = trained("metric lr = mean(x) * 0 + 7\nminimize loss with sgd(lr=0.25)");
    assert_eq!(rate(&lines[0], "lr"), 7.0);
}

/// A page of a training: it is whole, and needs nothing beside it.
#[test]
fn a_training_makes_a_page() {
    let place = Workplace::new("page");
    let train = "train mlp.graph --data points.npz --validation-split 0.4 --epochs 3";
    place.done(&format!("{train} --report page.html"));
    let page = place.text("page.html");
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    for part in ["<h2>Result</h2>", "<h2>Curves</h2>", "<h2>Confusion</h2>", "<h2>Time</h2>"] {
        assert!(page.contains(part), "{part}");
    }
    // Loss, accuracy and the learning rate.
    assert_eq!(page.matches("<svg").count(), 3);
    assert!(page.contains("held-back rows") && page.contains("--validation-split 0.4"), "{page}");
    assert!(
        !page.contains("http") || page.matches("http").count() == page.matches("w3.org").count()
    );
    let counts = page.split("<td class=\"").skip(1).filter_map(|cell| {
        let text = cell.split_once('>')?.1;
        text.split_once('<')?.0.parse::<usize>().ok()
    });
    assert_eq!(counts.sum::<usize>(), 20);
    for tag in ["section", "table", "tr", "td", "th", "figure", "svg", "div", "p", "html"] {
        let open =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    // Pictures of what was mistaken, where there are pictures.
    place.done("new digits --model softmax");
    place.done("train digits.graph --data digits?rows=300 --report page.html");
    let page = place.text("page.html");
    let pictures = page.matches("src=\"data:image/png;base64,").count();
    assert!((1..=24).contains(&pictures), "{pictures}");
    // What is no classifier has a page too, and a name that is no .html is refused.
    place.done("new coder --model autoencoder");
    place.done("train coder.graph --data digits?rows=60 --report page.html");
    assert!(!place.text("page.html").contains("Confusion"));
    assert_eq!(place.run(&format!("{train} --report page.txt")).status, 2);
}

/// One number a row is a score where it is a probability or a truth value, and there are two
/// classes.
#[test]
fn a_page_judges_what_tells_two_classes_apart() {
    let place = Workplace::new("binary-page");
    let form = |squeezed: &str, output: &str| {
        format!(
            "graph sides\ninput image: f32[batch, 784]\ninput label: i32[batch]\n\
             logit = {squeezed}\n\
             loss = sigmoid_cross_entropy(reshape(logit, [-1]), cast(label, f32))\n\
             output o = {output}\nminimize loss with adam(lr=0.01)\n"
        )
    };
    let (flat, column) = ("squeeze(dense(image, 1), -1)", "dense(image, 1)");
    for (squeezed, output, is_judged) in [
        (flat, "sigmoid(logit)", true),
        (column, "sigmoid(logit)", true),
        (flat, "logit > 0", true),
        (flat, "logit", false),
    ] {
        place.write("sides.graph", form(squeezed, output));
        let data = "--data digits?rows=400&classes=3,5 --epochs 3";
        place.done(&format!("train sides.graph {data} --report page.html"));
        let page = place.text("page.html");
        assert_eq!(page.contains("<h2>Confusion"), is_judged, "{output} of {squeezed}");
    }
    place.write("sides.graph", form(flat, "sigmoid(logit)"));
    place.done("train sides.graph --data digits?rows=400&classes=1 --epochs 1 --report page.html");
    assert!(place.text("page.html").contains("<h2>Confusion"));
    place.done(
        "train sides.graph --data digits?rows=400&classes=3,5,7 --epochs 1 --report page.html",
    );
    assert!(
        !place.text("page.html").contains("<h2>Confusion"),
        "a number does not tell three apart"
    );
}
