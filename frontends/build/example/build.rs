// Compiles the model into the program.
fn main() -> Result<(), brolga_build::Error> {
    brolga_build::Model::new("circle.graph")
        .entry("train", &[("batch", 32)])
        .entry("predict", &[("batch", 1)])
        .compile()
}
