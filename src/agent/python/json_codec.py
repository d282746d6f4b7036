"""JSON without the module `json`, which imports `re`, `enum` and a dozen others.

The module's own work is done in C, by `_json`. All processes use this.
"""


class ScannerOptions:
    """The attributes that the scanner of `_json` reads."""

    strict, object_hook, object_pairs_hook = True, None, None
    parse_float, parse_int = float, int

    @staticmethod
    def parse_constant(name):
        raise ValueError('%s is not JSON' % name)


def reject(value):
    raise TypeError('%s is not JSON' % type(value).__name__)


try:
    import _json

    SCAN = _json.make_scanner(ScannerOptions)

    def encode(value, encode_string, allow_nan):
        encoder = _json.make_encoder(
            {}, reject, encode_string, None, ':', ',', False, False, allow_nan
        )
        return ''.join(encoder(value, 0))

    def to_json(value):
        """Returns ASCII bytes."""
        return encode(value, _json.encode_basestring_ascii, True).encode()

    def to_json_text(value):
        """Returns a string that is not escaped to ASCII. Raises an error for a NaN."""
        return encode(value, _json.encode_basestring, False)

    def from_json(data):
        text = data if isinstance(data, str) else str(data, 'utf-8', 'surrogatepass')
        value, end = SCAN(text, 0)
        if end != len(text):
            raise ValueError('more than JSON')
        return value

    to_json([{'': 1.5}])
except (ImportError, AttributeError, TypeError):  # another implementation or version of Python
    import json

    def to_json(value):
        return json.dumps(value, separators=(',', ':')).encode()

    def to_json_text(value):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(',', ':'))

    from_json = json.loads


def to_utf8_json(value):
    """Returns UTF-8, or ASCII if a string has half of a surrogate pair. Raises for a NaN."""
    text = to_json_text(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return to_json(value)
