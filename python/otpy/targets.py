"""From a module's name and a qualified name to the callable, with `site` run only when it is needed."""

import sys
from _collections import OrderedDict

_stdlib = getattr(sys, "stdlib_module_names", frozenset(sys.builtin_module_names))
_site_ran = False


class LateSite:
    """The last finder on `sys.meta_path`: a module that nothing else finds may be in site-packages.

    `site` costs more than the whole rest of a worker's start, and calls into the standard library do not need it.
    """

    @staticmethod
    def find_spec(name, path=None, target=None):
        if _site_ran:
            return None
        run_site()
        for finder in sys.meta_path:
            if finder is not LateSite:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    return spec
        return None


def run_site():
    """What Python does at a normal start: site-packages, `.pth` files, `sitecustomize`, a venv's prefix. Once."""
    global _site_ran
    if not _site_ran:
        _site_ran = True
        import site

        before = set(sys.path)
        tail = [entry for entry in sys.path if entry == _working_directory]
        site.main()
        if tail and set(sys.path) != before:
            sys.path.remove(_working_directory)
            sys.path.append(_working_directory)


_working_directory = None


def set_search_path(python_path, working_directory):
    """`python_path` goes before everything, the working directory after everything: it shadows nothing."""
    global _working_directory
    _working_directory = working_directory
    sys.path[:0] = python_path
    sys.path.append(working_directory)
    sys.meta_path.append(LateSite)


def load(module):
    """Imports a module by its dotted name. What is not of the standard library sees a full `site`."""
    if module not in sys.modules and module.partition(".")[0] not in _stdlib:
        run_site()
    # Also when it is there: another thread may be in the middle of importing it, and is waited for.
    __import__(module)
    return sys.modules[module]


def resolve(module, name):
    """The callable. Raises what the import raises, `AttributeError`, or `TypeError` when it is not callable."""
    if module == "otpy.builtins":
        return {"eval": evaluate, "exec": execute, "forget": forget}[name]
    target = load(module)
    at = module
    for part in name.split("."):
        try:
            target = getattr(target, part)
        except AttributeError:
            kind = "module" if at == module else type(target).__name__
            raise AttributeError("%s %r has no attribute %r" % (kind, at, part)) from None
        at += "." + part
    if not callable(target):
        raise TypeError("%s is not callable: it is a %s" % (at, type(target).__name__))
    return target


_namespaces = {}
"""What leases have defined, by their ids."""

_sessions = OrderedDict()
"""What sessions have defined, by the names that Node gave them; the one used last at the end."""

_MOST_SESSIONS = 256
"""Most sessions are never ended, so those that were not used for longest are forgotten."""


def evaluate(expression, names=None, namespace=None):
    """The value of an expression: in a namespace of its own, or in one that lasts until it is forgotten."""
    return eval(expression, _scope("otpy.eval", names, namespace))


def execute(code, names=None, namespace=None):
    """Runs statements: in a namespace of their own, or in one that lasts until it is forgotten. Nothing comes back."""
    exec(code, _scope("otpy.exec", names, namespace))


def forget(namespace):
    """Ends a namespace."""
    _namespaces.pop(namespace, None)
    _sessions.pop(namespace, None)


def _scope(module, names, namespace):
    if namespace is None:
        scope = {"__name__": module}
    elif isinstance(namespace, str):
        scope = _session_scope(namespace)
    else:
        scope = _namespaces.setdefault(namespace, {"__name__": "otpy.lease"})
    scope.update(names or {})
    return scope


def _session_scope(name):
    # Several threads may be here: each step is one of C.
    scope = _sessions.setdefault(name, {"__name__": "otpy.session"})
    try:
        _sessions.move_to_end(name)
        if len(_sessions) > _MOST_SESSIONS:
            _sessions.popitem(last=False)
    except KeyError:
        pass
    return scope
