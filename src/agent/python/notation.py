# JSON without `json`, which brings `re`, `enum` and a dozen others: what does its work is in C


class Dialect:
    """What the scanner asks for."""

    strict, object_hook, object_pairs_hook = True, None, None
    parse_float, parse_int = float, int

    @staticmethod
    def parse_constant(name):
        raise ValueError('%s is not JSON' % name)


def unknown(value):
    raise TypeError('%s is not JSON' % type(value).__name__)


try:
    import _json

    SCAN = _json.make_scanner(Dialect)

    def encode(value, text, allow_nan):
        chunks = _json.make_encoder({}, unknown, text, None, ':', ',', False, False, allow_nan)
        return ''.join(chunks(value, 0))

    def as_json(value):
        return encode(value, _json.encode_basestring_ascii, True).encode()

    def as_text(value):
        """With characters as they are; a NaN is refused."""
        return encode(value, _json.encode_basestring, False)

    def from_json(data):
        text = data if isinstance(data, str) else str(data, 'utf-8', 'surrogatepass')
        value, end = SCAN(text, 0)
        if end != len(text):
            raise ValueError('more than JSON')
        return value

    as_json([{'': 1.5}])
except (ImportError, AttributeError, TypeError):  # another interpreter, or one of another time
    import json

    def as_json(value):
        return json.dumps(value, separators=(',', ':')).encode()

    def as_text(value):
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(',', ':'))

    from_json = json.loads


def as_utf8(value):
    text = as_text(value)
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a pair
        return as_json(value)
