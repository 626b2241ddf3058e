//! A program that trains a small network and uses it, with nothing of a compiler in it.

mod circle {
    include!(concat!(env!("OUT_DIR"), "/circle.rs"));
}

/// Points in a square, drawn by a linear congruential generator.
struct Points(u64);

impl Points {
    fn coordinate(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    fn batch(&mut self) -> (Vec<f32>, Vec<i32>) {
        let points: Vec<f32> = (0..64).map(|_| self.coordinate()).collect();
        let inside = points.chunks(2).map(|p| i32::from(p[0] * p[0] + p[1] * p[1] < 0.5));
        let inside = inside.collect();
        (points, inside)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut model = circle::Model::new(3).ok_or("this processor cannot run the model")?;
    model.set_threads(2)?;
    let mut points = Points(1);
    for step in 1..=500 {
        let (point, inside) = points.batch();
        let found = model.train(&point, &inside)?;
        if step % 100 == 0 {
            println!("step {}: loss {}, accuracy {}", model.steps(), found.loss, found.accuracy);
        }
    }

    let mut probability = [0.0; 2];
    for point in [[0.0, 0.1], [0.9, 0.9]] {
        model.predict(&point, &mut probability)?;
        println!("{point:?} is inside: {}", probability[1] > 0.5);
    }
    for variable in model.variables() {
        if let circle::Values::F32(values) = variable.values {
            println!("{}: {:?}, begins with {}", variable.name, variable.shape, values[0]);
        }
    }
    // What does not fit is an error, and changes nothing.
    println!("{}", model.train(&[0.5; 64], &[7; 32]).expect_err("there are two classes"));
    println!("{}", model.train(&[0.5; 63], &[0; 32]).expect_err("a coordinate is missing"));
    Ok(())
}
