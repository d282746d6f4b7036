# In a child: values as people want to see them

import builtins
import io
import os
import sys

from .frames import MAX_RECORD
from .line import line
from .notation import as_json, as_utf8
from .tracebacks import print_error
from .usual import WhenImported

NAMES = {
    'text/plain': 'text',
    'text/html': 'html',
    'text/markdown': 'markdown',
    'image/svg+xml': 'svg',
    'image/png': 'png',
    'image/jpeg': 'jpeg',
    'text/latex': 'latex',
    'application/json': 'json',
}
MAX_TEXT = 65536
MAX_PART = 3 * 1024 * 1024


def display(*objects, raw=False, **_ignored):
    """Shows values by the best representations that they have; MIME bundles, where they are raw."""
    for value in objects:
        bundle = value if raw else bundle_of(value)
        if os.getpid() != line.pid:
            print(bundle.get('text/plain', '') if bundle else '')
        elif bundle:
            show(bundle, False)


def bundle_of(value):
    """Its representations by MIME type, as IPython finds them; None where it has shown itself."""
    bundle = {}
    if not isinstance(value, type) and not claims_all(value):
        if ask(value, '_ipython_display_'):
            return None
        for given in ask(value, '_repr_mimebundle_', include=None, exclude=None):
            bundle.update(given if isinstance(given, dict) else {})
        for mime, name in NAMES.items():
            if name != 'text' and mime not in bundle:
                for given in ask(value, '_repr_%s_' % name):
                    bundle[mime] = given
        if figures.has(value):
            bundle['image/png'] = figures.png_of(value)
    if bundle.get('text/plain') is None:
        bundle['text/plain'] = repr(value)
    return bundle


def claims_all(value):
    """Whether it says that it has every attribute, as mocks do."""
    try:
        return hasattr(value, '_ipython_canary_method_should_not_exist_')
    except Exception:
        return True


def ask(value, name, **options):
    """What such a method gives, in a list: an empty one, where there is none or it fails."""
    try:
        method = getattr(value, name, None)
        found = [] if method is None else [method(**options)]
        return [one[0] if isinstance(one, tuple) else one for one in found]  # without metadata
    except Exception:
        return []


def show(bundle, is_main):
    parts, omitted = {}, []
    for mime, name in NAMES.items():
        text = encoded(name, bundle.get(mime))
        if text is not None:
            parts[name] = text
    while parts:
        largest = max(parts, key=lambda name: len(parts[name]))
        if len(parts[largest]) <= MAX_PART and sum(map(len, parts.values())) < MAX_RECORD - 1000:
            break
        omitted.append(largest)
        del parts[largest]
    record = {'type': 'result', 'isMain': is_main, **({'omitted': omitted} if omitted else {})}
    fields = [as_json(record)[1:-1], *(b'"%s":%s' % (name.encode(), parts[name]) for name in parts)]
    line.say(b'{%s}' % b','.join(fields))


def encoded(name, given):
    """A representation as JSON; None where it is none of its kind."""
    if given is None:
        return None
    if name != 'json':
        if isinstance(given, (bytes, bytearray, memoryview)):
            import binascii

            given = binascii.b2a_base64(given, newline=False).decode()
        if not isinstance(given, str):
            return None
        given = cut(given) if name == 'text' else given
    try:
        return as_utf8(given)
    except Exception:
        return None


def cut(text, end=0):
    """Its beginning, and so much of its end."""
    if len(text) <= MAX_TEXT:
        return text
    kept = MAX_TEXT - 50
    note = '\n[%d characters left out]' % (len(text) - kept)
    return text[: kept - end] + note + ('\n' + text[-end:] if end else '')


def report(error, file):
    """An error of the user's: on stderr as Python prints it, and as a record."""
    trace = print_error(error, file)
    try:
        message = str(error)
    except Exception:
        message = ''
    try:
        import traceback

        text = ''.join(traceback.format_exception(type(error), error, trace))
    except Exception:  # no file can be opened, perhaps
        text = '%s: %s\n' % (type(error).__name__, message)
    record = {'type': 'error', 'name': cut(type(error).__name__), 'message': cut(message)}
    line.say(as_utf8({**record, 'traceback': cut(text, MAX_TEXT // 2)}))


class Figures:
    """Pyplot's: `show()` shows those that are open, and so does the end of a run."""

    def __init__(self):
        self.shown, self.pyplot = [], None

    def prepare(self, pyplot):
        def show(*_args, **_kwargs):  # a function: no method has the attributes that pyplot sets
            self.show()

        pyplot.show, self.pyplot = show, pyplot

    def has(self, value):
        module = sys.modules.get('matplotlib.figure')
        return module is not None and isinstance(value, module.Figure)

    def png_of(self, figure):
        self.shown.append(figure)
        file = io.BytesIO()
        figure.savefig(file, format='png', bbox_inches='tight')
        return file.getvalue()

    def show(self):
        try:
            for number in self.pyplot.get_fignums():
                figure = self.pyplot.figure(number)
                if figure.axes and not any(figure is one for one in self.shown):
                    display(figure)
        finally:
            self.shown.clear()
            self.pyplot.close('all')

    def finish(self):
        if self.pyplot and os.getpid() == line.pid:
            self.show()


figures = Figures()


def prepare_display():
    builtins.display = display
    WhenImported('matplotlib.pyplot', figures.prepare)
