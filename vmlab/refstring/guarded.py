"""A function of the user's made fit for numba: compiled code cannot be interrupted, so each turn of its loops is counted.

    while accessed[hand]:                  while accessed[hand]:
        accessed[hand] = False     ->          turns[0] -= 1
                                               if turns[0] < 0: return -1
                                               accessed[hand] = False

Where the source is not to be had (a function made by exec, or typed at the prompt of an old Python), only one without loops is
compiled.
"""

import ast
import dis
import inspect
import textwrap
import types
from collections.abc import Callable, Sequence
from typing import Any

import numba

TURNS = "vmlab_turns"


class NotCompiled(Exception):
    """Why a function is not compiled, in words."""


def choice(function: Callable[..., Any], wanted: Sequence[str], state: Any) -> Any:
    """An njit function of a State, whose type is given, that calls `function` with what it wants to know. NotCompiled, NumbaError.

    Its indices are checked: one past the end is an IndexError, as it is without the compiler.
    """
    if not isinstance(function, types.FunctionType):
        raise NotCompiled("it is no plain function")
    loops = _loops(function.__code__)
    inner = numba.njit(boundscheck=True)(_counted(function) if loops else function)
    given = ["s.time[0]" if word == "now" else f"s.{word}" for word in wanted] + ["s.turns"] * loops
    compiled = numba.njit(eval(f"lambda s: inner({', '.join(given)})", {"inner": inner}))
    compiled.compile((state,))
    (signature,) = compiled.nopython_signatures
    if not isinstance(signature.return_type, numba.types.Integer):
        raise NotCompiled(f"it returns {signature.return_type}, not a whole number whatever happens")
    return compiled


def _loops(code: types.CodeType) -> bool:
    """Does the function have loops, here or in a function within it? Those of comprehensions end with what they go through."""
    inner = [
        c for c in code.co_consts if isinstance(c, types.CodeType) and not c.co_name.endswith(("comp>", "genexpr>"))
    ]
    here = any("JUMP_BACKWARD" in i.opname for i in dis.get_instructions(code)) and code.co_name[-5:] != "comp>"
    return here or any(map(_loops, inner))


def _counted(function: types.FunctionType) -> Callable[..., Any]:
    """The function with one more parameter, the turns that are left to its loops. NotCompiled."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        raise NotCompiled("it has loops, and its source is not to be had") from None
    (made,) = tree.body
    if not isinstance(made, ast.FunctionDef):
        raise NotCompiled("it has loops, and is no `def` by itself")
    made.decorator_list = []
    made.args.args.append(ast.arg(TURNS))
    made.args.defaults = []
    _Counter().visit(made)
    code = compile(ast.fix_missing_locations(tree), inspect.getsourcefile(function) or "<policy>", "exec")
    names = dict(function.__globals__)
    names.update((k, c.cell_contents) for k, c in zip(function.__code__.co_freevars, function.__closure__ or ()))
    exec(code, names)
    return names[made.name]  # type: ignore[no-any-return]


class _Counter(ast.NodeTransformer):
    """Puts the count at the head of the body of each loop."""

    def visit_While(self, node: ast.While) -> ast.While:
        self.generic_visit(node)
        node.body = [*ast.parse(f"{TURNS}[0] -= 1\nif {TURNS}[0] < 0: return -1").body, *node.body]
        return node

    visit_For = visit_While  # type: ignore[assignment]  # noqa: N815
