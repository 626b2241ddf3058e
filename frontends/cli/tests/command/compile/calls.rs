//! A library that is called very often.

use super::done;
use crate::workplace::Workplace;

const MODEL: &str = "graph line\ninput x: f32[batch, 4]\ninput y: f32[batch, 1]\n\
    guess = dense(x, 1)\noutput guess\nminimize mean(square(guess - y)) with sgd(lr=1e-4)\n";

const PROGRAM: &str = r#"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "line.h"

static long kilobytes(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(void) {
    static float x[LINE_TRAIN_BATCH * 4], y[LINE_TRAIN_BATCH];
    for (int i = 0; i < LINE_TRAIN_BATCH * 4; i++) x[i] = i % 5;
    line *model = line_init(aligned_alloc(64, line_bytes()), 1);
    line_train_io io = {.x = x, .y = y};
    long before = 0;
    for (int i = 0; i < 1000000; i++) {
        if (line_train(model, &io)) return 1;
        if (i == 1000) before = kilobytes();
    }
    printf("%g %ld %d\n", io.loss, kilobytes() - before, (int)line_steps(model));
    return 0;
}
"#;

#[test]
fn a_million_calls_take_no_more_memory_than_a_thousand() {
    let place = Workplace::empty("calls");
    place.write("line.graph", MODEL);
    place.write("main.c", PROGRAM);
    place.done("compile line.graph -o line.a --dim batch=8");
    done(&place, "cc", &["-O1", "main.c", "line.a", "-lpthread", "-lm", "-o", "main"]);
    let said = done(&place, "./main", &[]).stdout;
    let [loss, grown, steps] = said.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{said}")
    };
    assert!(loss.parse::<f64>().is_ok_and(|loss| loss < 1e-2), "{said}");
    assert_eq!((grown, steps), ("0", "1000000"), "{said}");
}
