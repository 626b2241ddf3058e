"""Draws `picture.svg`, the picture of the README, from what the command prints.

    python3 frontends/cli/picture/picture.py target/release/brolga

Standard library alone. Commands run in a terminal of their own, so that colours are those of the
command; the drawing has colours for light and for dark surroundings.
"""

import html
import os
import pty
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COLUMNS = 110
WIDTH, HEIGHT, SIZE = 7.8, 18, 13  # Of a character, of a line, of the font.
MARGIN = 16

FILES = {
    "wrong.graph": """\
input image: f32[batch, 28, 28]
input label: i32[batch]

param w1: f32[785, 128] = glorot_uniform
param b1: f32[128] = zeros

x      = flatten(image)
hidden = relu(x @ w1 + b1)
logits = dense(hidden, 10)
minimize sparse_softmax_cross_entropy(logits, label) with adam(lr=1e-3)
""",
    "row.graph": """\
input x: f32[rows, 64]
param w: f32[64, 64] = orthogonal
h = gelu(x @ w)
output y = h * rsqrt(mean(square(h), axis=1, keepdims=true))
""",
}

# What is typed; all that it prints is shown.
SESSION = [
    "brolga new mine --model cnn",
    "brolga train mine.graph --data 'digits?rows=2000' --validation-split 0.1 --epochs 3",
    "brolga check wrong.graph",
    "cat row.graph",
    "brolga dump row.graph --stage fused --dim rows=512",
]

STYLE = """
.paper { fill: #ffffff; stroke: #d0d7de }
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: #24292f }
.typed { font-weight: bold } .sign { fill: #6e7781 }
.red { fill: #cf222e } .green { fill: #116329 } .yellow { fill: #7d4e00 } .blue { fill: #0550ae } .cyan { fill: #1b7c83 }
.bold { font-weight: bold }
@media (prefers-color-scheme: dark) {
  .paper { fill: #0d1117; stroke: #30363d } text { fill: #e6edf3 } .sign { fill: #8b949e }
  .red { fill: #ff7b72 } .green { fill: #7ee787 } .yellow { fill: #e3b341 } .blue { fill: #79c0ff } .cyan { fill: #76e3ea }
}
"""

COLOURS = {1: "red", 2: "green", 3: "yellow", 4: "blue", 6: "cyan"}


def printed(command, brolga, folder):
    """What a command leaves on a terminal, with its colours."""
    reader, writer = pty.openpty()
    line = command.replace("brolga", str(brolga), 1)
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"}
    size = f"stty cols {COLUMNS} rows 50; {line}"
    process = subprocess.Popen(
        ["sh", "-c", size], cwd=folder, env=environment, stdin=writer, stdout=writer, stderr=writer
    )
    os.close(writer)
    text = b""
    try:
        while part := os.read(reader, 65536):
            text += part
    except OSError:  # Linux says so when the other end is closed.
        pass
    process.wait()
    return screen(text.decode())


def screen(text):
    """The lines that are left when bars have been drawn over: a list of lists of (text, classes)."""
    lines, row, column, classes = [[]], 0, 0, ()
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[^\[]|[\r\n]|[^\x1b\r\n]+", text):
        if part == "\r":
            column = 0
        elif part == "\n":
            row, column = row + 1, 0
            lines += [[] for _ in range(row + 1 - len(lines))]
        elif part.startswith("\x1b["):
            numbers = [int(n) for n in re.findall(r"\d+", part)]
            if part[-1] == "m":
                classes = styled(numbers, classes)
            elif part[-1] == "A":
                row = max(0, row - (numbers or [1])[0])
            elif part[-1] == "K":
                kept = [] if (numbers or [0])[0] == 2 else lines[row][:column]
                lines[row] = kept
        elif not part.startswith("\x1b"):
            cells = lines[row] + [(" ", ())] * (column - len(lines[row]))
            new = [(c, classes) for c in part]
            lines[row] = cells[:column] + new + cells[column + len(new):]
            column += len(new)
    while lines and not lines[-1]:
        lines.pop()
    return [joined(line) for line in lines]


def styled(numbers, classes):
    classes = set(classes)
    for n in numbers or [0]:
        if n == 0:
            classes = set()
        elif n == 1:
            classes.add("bold")
        elif n % 10 in COLOURS and n // 10 in (3, 9):
            classes = {c for c in classes if c not in COLOURS.values()} | {COLOURS[n % 10]}
    return tuple(sorted(classes))


def joined(cells):
    runs = []
    for text, classes in cells:
        if runs and runs[-1][1] == classes:
            runs[-1] = (runs[-1][0] + text, classes)
        else:
            runs.append((text, classes))
    return runs


def drawn(lines):
    n_columns = max(sum(len(text) for text, _ in line) for line in lines)
    width, height = n_columns * WIDTH + 2 * MARGIN, len(lines) * HEIGHT + 2 * MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        "<title>Brolga: a training, an error, and what shares a loop</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="6"/>',
    ]
    for row, line in enumerate(lines):
        column, y = 0, MARGIN + row * HEIGHT + SIZE
        for text, classes in line:
            # Word by word, each as long as its columns are, whatever font there is.
            for word in re.finditer(r"\S+", text):
                x, length = MARGIN + (column + word.start()) * WIDTH, len(word[0]) * WIDTH
                out.append(
                    f'<text x="{x:.1f}" y="{y}" class="{" ".join(classes)}" '
                    f'textLength="{length:.1f}">{html.escape(word[0])}</text>'
                )
            column += len(text)
    return "\n".join(out + ["</svg>\n"])


def main():
    brolga = Path(sys.argv[1]).resolve()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            Path(folder, name).write_text(text)
        for command in SESSION:
            if lines:
                lines.append([])
            lines.append([("$ ", ("sign",)), (command, ("typed",))])
            lines += printed(command, brolga, folder)
    wide = [line for line in lines if sum(len(text) for text, _ in line) > COLUMNS]
    assert not wide, wide
    Path(__file__).with_name("picture.svg").write_text(drawn(lines))


main()
