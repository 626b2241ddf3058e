//! Curves as SVG. Their colours are names: the page's style sheet gives them colours, for light and
//! for dark.

use plotters::prelude::*;

/// The side lengths of a chart in pixels; the page scales it.
const SIZE: (u32, u32) = (560, 280);

/// What the style sheet calls ink, lines of the grid, and series.
const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const SERIES: [RGBColor; 4] =
    [RGBColor(10, 10, 10), RGBColor(11, 11, 11), RGBColor(12, 12, 12), RGBColor(13, 13, 13)];

/// A curve: its name, the number of its colour, its points from left to right, and whether they are
/// marked.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) colour: usize,
    pub(super) points: Vec<(f64, f64)>,
    pub(super) is_marked: bool,
}

/// A chart of curves over epochs as a figure with a legend, each curve over those before it; nothing
/// where there is no point. Of a curve with values that are not finite the rest is drawn.
pub(super) fn chart(title: &str, series: &[Series]) -> Option<String> {
    let finite = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
        points.iter().copied().filter(|(_, y)| y.is_finite()).collect()
    };
    let drawn: Vec<Vec<(f64, f64)>> = series.iter().map(|s| finite(&s.points)).collect();
    let all: Vec<(f64, f64)> = drawn.iter().flatten().copied().collect();
    let (x, y) = (range(all.iter().map(|p| p.0))?, range(all.iter().map(|p| p.1))?);
    let mut svg = String::new();
    let curves: Vec<(&Series, Vec<(f64, f64)>)> = series.iter().zip(drawn).collect();
    draw(&mut svg, &curves, (x, y)).ok()?;
    // The page scales it.
    let svg = svg.replacen(&format!("width=\"{}\" height=\"{}\" ", SIZE.0, SIZE.1), "", 1);
    let entry = |s: &Series| {
        let class = s.colour % SERIES.len();
        format!("<span class=\"key s{class}\">{}</span>", super::escaped(&s.name))
    };
    let legend: String = series.iter().map(entry).collect();
    let title = super::escaped(title);
    Some(format!("<figure><figcaption>{title} {legend}</figcaption>{svg}</figure>\n"))
}

/// From the least to the largest number, with some room where there is but one.
fn range(numbers: impl Iterator<Item = f64>) -> Option<std::ops::Range<f64>> {
    let bounds = numbers.fold(None, |bounds: Option<(f64, f64)>, x| {
        Some(bounds.map_or((x, x), |(lo, hi)| (lo.min(x), hi.max(x))))
    });
    let (lo, hi) = bounds?;
    if hi > lo {
        let room = (hi - lo) * 0.04;
        return Some(lo - room..hi + room);
    }
    let room = if lo == 0.0 { 1.0 } else { lo.abs() * 0.5 };
    Some(lo - room..hi + room)
}

fn draw(
    svg: &mut String,
    curves: &[(&Series, Vec<(f64, f64)>)],
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let mut chart = ChartBuilder::on(&area)
        .margin(8)
        .x_label_area_size(34)
        .y_label_area_size(62)
        .build_cartesian_2d(x, y)?;
    let text = ("sans-serif", 12).into_font().color(&INK);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(text)
        .x_desc("epochs")
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .draw()?;
    for (series, points) in curves {
        let colour = SERIES[series.colour % SERIES.len()];
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        if series.is_marked {
            let dots = points.iter().map(|&point| Circle::new(point, 3, colour.filled()));
            chart.draw_series(dots)?;
        }
    }
    area.present()?;
    Ok(())
}

/// A number with as few digits as tell it from its neighbours on an axis.
fn short(x: f64) -> String {
    if x.abs() < 1e-12 {
        return "0".to_string();
    }
    let rounded = format!("{x:.3e}").parse::<f64>().unwrap_or(x);
    match rounded.abs() {
        1e-3..1e5 => format!("{rounded}"),
        _ => format!("{rounded:e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_drawn_of_what_is_finite() {
        let series = |points: &[(f64, f64)]| Series {
            name: "a < b".to_string(),
            colour: 0,
            points: points.to_vec(),
            is_marked: true,
        };
        let svg = chart("loss", &[series(&[(0.0, 1.0), (1.0, f64::NAN), (2.0, 0.5)])]);
        let svg = svg.expect("there are points");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a &lt; b") && svg.contains("#0A0A0A") && svg.contains("viewBox"));
        assert_eq!(chart("loss", &[series(&[(0.0, f64::NAN)])]), None);
        assert!(chart("loss", &[series(&[(1.0, 0.001)])]).is_some());
    }

    #[test]
    fn labels_are_short() {
        let labels = [0.0, 1e-15, 0.30000000000000004, 2.0, 1234.6, 0.00005, 1e6].map(short);
        assert_eq!(labels, ["0", "0", "0.3", "2", "1235", "5e-5", "1e6"]);
    }
}
