"""Print how large and how well described the code is, for `CONTRIBUTING.md`'s limits.

    python requirements/figures.py [FOLDER ...]

Of each folder (default: mmdepthseg tools tests): files and lines, of them code and
docstrings, those inside `raise`; the longest files and functions; the share of public
functions with docstring and with types; with radon installed, the mean complexity.
"""

import argparse
import ast
from collections.abc import Iterator
from pathlib import Path

LONG_FILE, LONG_FUNCTION = 350, 60
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


def complexities(text: str) -> list[int]:
    """Return the cyclomatic complexity of each function; empty without radon."""
    try:
        from radon.visitors import ComplexityVisitor
    except ImportError:
        return []
    visitor = ComplexityVisitor.from_code(text)
    methods = [method for one in visitor.classes for method in one.methods]
    return [one.complexity for one in [*visitor.functions, *methods]]


def report(folder: Path) -> Iterator[str]:
    """Yield the lines of a folder's report."""
    sizes: dict[Path, int] = {}
    code = docs = raised = 0
    public: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    long: list[tuple[int, str]] = []
    complexity: list[int] = []
    for path in sorted(folder.rglob('*.py')):
        text = path.read_text(encoding='utf-8')
        tree, lines = ast.parse(text), text.splitlines()
        described, sizes[path] = docstring_rows(tree), len(lines)
        docs += len(described)
        rows = enumerate(map(str.strip, lines), start=1)
        code += sum(
            row not in described and line[:1] not in ('', '#') for row, line in rows
        )
        complexity += complexities(text)
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
    yield f'  {code:,} lines of code, {docs:,} of docstrings, {raised:,} inside raise'
    yield (
        f'  {len(public)} public functions: {told / count:.1%} with docstring, '
        f'{sum(map(is_typed, public)) / count:.1%} with types'
    )
    if complexity:
        yield f'  mean complexity {sum(complexity) / len(complexity):.2f}'
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


if __name__ == '__main__':
    main()
