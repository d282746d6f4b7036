"""Finds the representations of a value. Code of the value's class runs, and may do anything.

It works in programs.
"""

from .figures import figures
from .shortened_text import shorten
from .value_text import text_of

# The representations that a record has, by their MIME types
FIELDS = {
    'text/plain': 'text',
    'text/html': 'html',
    'text/markdown': 'markdown',
    'image/svg+xml': 'svg',
    'image/png': 'png',
    'image/jpeg': 'jpeg',
    'text/latex': 'latex',
    'application/json': 'json',
}
MAX_NOTES, MAX_NOTE = 20, 1000


class Representations:
    """A value's representations by MIME type, as IPython finds them.

    `notes` has a sentence for each one that failed. The errors `caught` make a note. An
    interrupt never does, because it ends the run.
    """

    def __init__(self, caught=Exception):
        self.found, self.notes, self.caught = {}, [], caught

    def of(self, value):
        """Finds the representations. There are none if the value has displayed itself."""
        has_displayed = self.attempt('display()', lambda: self.find(value))
        if not has_displayed and self.found.get('text/plain') is None:
            self.found['text/plain'] = self.text_of(value)
        return self

    def attempt(self, name, action, unsupported=()):
        try:
            return action()
        except KeyboardInterrupt:
            raise
        except unsupported:
            return None
        except self.caught as error:
            self.note('%s failed: %s' % (name, line_of(error)))
            return None

    def note(self, text):
        if len(self.notes) < MAX_NOTES:
            self.notes.append(shorten(text, length=MAX_NOTE))

    def text_of(self, value):
        try:
            return text_of(value)
        except KeyboardInterrupt:
            raise
        except self.caught as error:
            self.note('repr() failed: ' + line_of(error))
            return '<repr of %s failed: %s>' % (type(value).__name__[:MAX_NOTE], line_of(error))

    def find(self, value):
        """Returns whether the value has displayed itself."""
        if isinstance(value, type) or claims_all_attributes(value):
            return False
        if self.call(value, '_ipython_display_'):
            return True
        for bundle in self.call(value, '_repr_mimebundle_', include=None, exclude=None):
            if isinstance(bundle, dict):
                self.found.update((mime, bundle[mime]) for mime in FIELDS if mime in bundle)
        for mime, field in FIELDS.items():
            if field != 'text' and mime not in self.found:
                for given in self.call(value, '_repr_%s_' % field):
                    self.found[mime] = given
        if figures.is_visible(value):
            png = self.attempt('savefig()', lambda: figures.png_of(value, self.note))
            self.found['image/png'] = png
        return False

    def call(self, value, name, **options):
        """Returns a method's result in a list, which is empty if the method is missing or fails."""
        try:
            method = getattr(value, name, None)
        except Exception:
            return []
        if method is None:
            return []

        def call_method():
            result = method(**options)
            return [result[0] if isinstance(result, tuple) and result else result]  # no metadata

        return self.attempt('%s()' % name, call_method, NotImplementedError) or []


def claims_all_attributes(value):
    """Returns whether the value claims to have every attribute, as mocks do."""
    try:
        return hasattr(value, '_ipython_canary_method_should_not_exist_')
    except Exception:
        return True


def line_of(error):
    """Returns an error's class and message."""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:
        message = ''
    return shorten('%s: %s' % (name, message) if message else name, length=MAX_NOTE)
