"""Print how large and how well described the code is, for `CONTRIBUTING.md`'s limits.

    python requirements/figures.py [FOLDER ...]

Of each folder (default: mmdepthseg tools tests): files and lines, of them code and
docstrings, those inside `raise`; the longest files and functions; the share of public
functions with docstring and with types; runs of at least six lines of code that stand
twice; with radon installed, the mean and the largest complexity. Last, the seconds of
`import mmdepthseg`, the least of three.
"""

import argparse
import ast
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

LONG_FILE, LONG_FUNCTION, SAME_LINES = 350, 60, 6
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def length(node: ast.stmt | ast.expr) -> int:
    """Return the number of lines of a statement."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_rows(tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that are in docstrings."""
    rows: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)):
            if ast.get_docstring(node, clean=False) is not None:
                first = node.body[0]
                rows.update(range(first.lineno, first.lineno + length(first)))
    return rows


def is_typed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether all arguments of a function and its result have types."""
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    named = [one for one in arguments if one.arg not in ('self', 'cls')]
    annotated = all(one.annotation is not None for one in named)
    return annotated and (function.returns is not None or function.name == '__init__')


def complexities(text: str) -> list[tuple[int, str]]:
    """Return complexity and name of each function; empty without radon."""
    try:
        from radon.visitors import ComplexityVisitor
    except ImportError:
        return []
    visitor = ComplexityVisitor.from_code(text)
    methods = [method for one in visitor.classes for method in one.methods]
    return [(one.complexity, one.name) for one in [*visitor.functions, *methods]]


def count_repeated(files: Mapping[Path, Sequence[str]]) -> int:
    """Count the runs of lines that stand at an earlier place, too.

    Args:
        files: Lines of code of each file, without indentation.
    """
    seen: set[tuple[str, ...]] = set()
    runs = 0
    for lines in files.values():
        inside = False
        for start in range(len(lines) - SAME_LINES + 1):
            window = tuple(lines[start : start + SAME_LINES])
            runs += window in seen and not inside
            inside = window in seen
            seen.add(window)
    return runs


def import_seconds() -> float:
    """Return the seconds of importing, without starting Python; least of three."""

    def seconds(code: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, '-c', code], check=True)
        return time.perf_counter() - start

    return min(seconds('import mmdepthseg') - seconds('pass') for _ in range(3))


def report(folder: Path) -> Iterator[str]:
    """Yield the lines of a folder's report."""
    sizes: dict[Path, int] = {}
    docs = raised = 0
    public: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    long: list[tuple[int, str]] = []
    complexity: list[tuple[int, str]] = []
    bodies: dict[Path, list[str]] = {}
    for path in sorted(folder.rglob('*.py')):
        text = path.read_text(encoding='utf-8')
        tree, lines = ast.parse(text), text.splitlines()
        described, sizes[path] = docstring_rows(tree), len(lines)
        docs += len(described)
        rows = enumerate(map(str.strip, lines), start=1)
        bodies[path] = [
            line
            for row, line in rows
            if row not in described and line[:1] not in ('', '#')
        ]
        complexity += [(n, f'{path}: {name}') for n, name in complexities(text)]
        for node in ast.walk(tree):
            if isinstance(node, ast.Raise):
                raised += length(node)
            if isinstance(node, FUNCTIONS):
                public += [node] * (not node.name.startswith('_'))
                if length(node) > LONG_FUNCTION:
                    long.append((length(node), f'{path}: {node.name}'))
    count = max(len(public), 1)
    told = sum(ast.get_docstring(one) is not None for one in public)
    yield f'{folder}: {len(sizes)} files, {sum(sizes.values()):,} lines'
    code = sum(map(len, bodies.values()))
    yield f'  {code:,} lines of code, {docs:,} of docstrings, {raised:,} inside raise'
    yield (
        f'  {len(public)} public functions: {told / count:.1%} with docstring, '
        f'{sum(map(is_typed, public)) / count:.1%} with types'
    )
    yield f'  {count_repeated(bodies)} runs of {SAME_LINES} lines or more stand twice'
    if complexity:
        mean = sum(n for n, _ in complexity) / len(complexity)
        most, place = max(complexity)
        yield f'  complexity {mean:.2f} on average, at most {most} ({place})'
    ranked = sorted(((n, str(path)) for path, n in sizes.items()), reverse=True)
    yield from (f'  file of {n} lines: {path}' for n, path in ranked[:1])
    yield from (f'  {n}: {path}' for n, path in ranked[1:] if n > LONG_FILE)
    yield f'  {len(long)} functions over {LONG_FUNCTION} lines'
    yield from (f'  {n}: {place}' for n, place in sorted(long, reverse=True))


def main() -> None:
    """Print the report of each folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = [Path(name) for name in ('mmdepthseg', 'tools', 'tests')]
    parser.add_argument('folders', nargs='*', type=Path, default=default)
    for folder in parser.parse_args().folders:
        print(*report(folder), sep='\n')
    print(f'import mmdepthseg: {import_seconds():.2f} s')


if __name__ == '__main__':
    main()
