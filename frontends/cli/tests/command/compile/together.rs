//! All models that ship in one program of C: each is trained as the command trains it, to the bit.

use brolga::{Checkpoint, Literal};

use super::{done, named};
use crate::models;
use crate::workplace::Workplace;

/// Of a batch: no multiple of any vector's width.
const BATCH: usize = 7;
const STEPS: usize = 3;

/// Takes batches from files of the arrays' names, and writes the variables of each model.
const HEAD: &str = "\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static const void *batch(const char *file, size_t bytes, int step) {
    static char memory[64][1 << 20];
    static int used;
    char *place = memory[used++ % 64];
    FILE *stream = fopen(file, \"rb\");
    if (!stream || bytes > sizeof memory[0] || fseek(stream, bytes * step, SEEK_SET)) exit(2);
    if (fread(place, 1, bytes, stream) != bytes) exit(3);
    fclose(stream);
    return place;
}
";

/// A model's part of the program.
const PART: &str = "
#include \"MODEL.h\"
static void train_NAME(int threads) {
    NAME *model = NAME_init(aligned_alloc(64, NAME_bytes()), 5);
    if (!model || NAME_threads(model, threads)) exit(4);
    for (int step = 0; step < STEPS; step++) {
        NAME_train_io io = {INPUTS};
        int result = NAME_train(model, &io);
        if (result) printf(\"NAME: %s\\n\", NAME_error(result, model)), exit(5);
    }
    NAME_variable all[200];
    int n = NAME_variables(model, all, 200);
    FILE *stream = fopen(\"MODEL.out\", \"wb\");
    for (int i = 0; i < n; i++) {
        size_t bytes = all[i].dtype == 1 || all[i].dtype == 3 ? 8 : all[i].dtype > 3 ? 1 : 4;
        for (int axis = 0; axis < all[i].rank; axis++) bytes *= all[i].shape[axis];
        fprintf(stream, \"%s %zu\\n\", all[i].name, bytes);
        fwrite(all[i].data, 1, bytes, stream);
    }
    fclose(stream);
    NAME_threads(model, 1);
    free(model);
}
";

/// An array that a training batch is fed: its name, type in C, and sizes with the batch.
fn inputs(header: &str) -> Vec<(String, String, Vec<usize>)> {
    let training = header.split("_train_io;").next().expect("a header has text");
    let fields = training.rsplit("typedef struct {").next().expect("a structure");
    let array = |line: &str| {
        let (field, comment) = line.trim().strip_prefix("const ")?.split_once("; /* ")?;
        let (ctype, name) = field.split_once(" *")?;
        let sizes = comment.split(['[', ']']).nth(1)?;
        let sizes = sizes.split(", ").map(|size| size.parse().expect("a size"));
        Some((name.to_string(), ctype.to_string(), sizes.collect()))
    };
    fields.lines().filter_map(array).collect()
}

/// Numbers of all kinds, which as labels and characters are in range of every model.
fn values(ctype: &str, sizes: &[usize]) -> Literal {
    let n: usize = sizes.iter().product();
    let number = |i: usize| (i * i * 37 + i * 59) % 101;
    let made = match ctype {
        "float" => Literal::from_vec(sizes, (0..n).map(|i| number(i) as f32 / 101.0).collect()),
        "int32_t" => Literal::from_vec(sizes, (0..n).map(|i| number(i) as i32 % 2).collect()),
        _ => panic!("a model takes {ctype}"),
    };
    made.expect("as many as the sizes say")
}

#[test]
fn every_model_trains_in_one_program_as_the_command_does() {
    let place = Workplace::empty("together");
    place.done("compile --runtime -o kernels.a");
    let names = models::names(&place);
    let (mut program, mut calls) = (HEAD.to_string(), String::new());
    let mut saved = vec![];
    for name in &names {
        place.done(&format!("new {name} --model {name}"));
        place.done(&format!("compile {name}.graph -o {name}.o --entry train --dim batch={BATCH}"));
        let (mut arrays, mut fed) = (vec![], String::new());
        let header = place.text(&format!("{name}.h"));
        let prefix = header.split(' ').skip_while(|word| *word != "struct").nth(1);
        let prefix = prefix.expect("a model is a structure");
        for (input, ctype, mut sizes) in inputs(&header) {
            assert_eq!(sizes[0], BATCH, "{name}: {input}");
            sizes[0] *= STEPS;
            let value = values(&ctype, &sizes);
            let bytes = value.to_bytes();
            let (file, of_batch) = (format!("{name}.{input}"), bytes.len() / STEPS);
            fed += &format!(".{input} = batch(\"{file}\", {of_batch}, step), ");
            place.write(&file, bytes);
            arrays.push((input, value));
        }
        let arrays: Vec<(&str, Literal)> =
            arrays.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        place.write_npz(&format!("{name}.npz"), &arrays);
        place.done(&format!(
            "train {name}.graph --data {name}.npz --no-shuffle --seed 5 --epochs 1 \
             --batch-size {BATCH} --save {name}.safetensors"
        ));
        let weights = Checkpoint::load(&place.path(&format!("{name}.safetensors")));
        saved.push(weights.expect("it was written").variables);
        let part = PART.replace("MODEL", name).replace("NAME", prefix).replace("INPUTS", &fed);
        program += &part.replace("STEPS", &STEPS.to_string());
        calls += &format!("    train_{prefix}(threads);\n");
    }
    program += &format!(
        "\nint main(int argc, char **argv) {{\n    int threads = atoi(argv[argc - 1]);\n{calls}}}\n"
    );
    place.write("all.c", program);
    let objects: Vec<String> = names.iter().map(|name| format!("{name}.o")).collect();
    let objects: Vec<&str> = objects.iter().map(String::as_str).collect();
    let flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "all.c"];
    let rest = ["kernels.a", "-lpthread", "-lm", "-o", "all"];
    done(&place, "cc", &[&flags[..], &objects, &rest].concat());
    for threads in ["1", "2"] {
        done(&place, "./all", &[threads]);
        for (name, saved) in names.iter().zip(&saved) {
            let found = named(&place.bytes(&format!("{name}.out")));
            assert_eq!(found.len(), saved.len(), "the variables of {name}");
            for (variable, bytes) in &found {
                let wanted = saved.iter().find(|(other, _)| other == variable);
                let wanted = wanted.map(|(_, value)| value.to_bytes());
                assert!(
                    wanted.as_ref() == Some(bytes),
                    "{variable} of {name} on {threads} threads"
                );
            }
        }
    }
}
