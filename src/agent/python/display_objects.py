"""The objects of `IPython.display`, for images without IPython. They are made in programs.

The definitions are in a function, so that only the first import makes them.
"""

import os

from .representations import FIELDS


def display_as(display, mime):
    """Returns a function like `display_html`."""

    def display_representation(*objs, raw=False, **_options):
        objects = [{mime: value} for value in objs] if raw else objs
        display(*objects, raw=raw, include=[mime])

    return display_representation


def attributes_of(**values):
    given = [(name, value) for name, value in values.items() if value is not None]
    return ''.join(' %s="%s"' % pair for pair in given)


def display_objects(display):
    """Returns the names that `IPython.display` has, with this function as `display`."""

    class DisplayHandle:
        def __init__(self, display_id=None):
            self.display_id = display_id or os.urandom(16).hex()

        def __repr__(self):
            return '<DisplayHandle display_id=%s>' % self.display_id

        def display(self, obj, **options):
            display(obj, **options)

        update = display

    def update_display(obj, *, display_id, **options):
        """Shows the object as another result: a result that was sent cannot change."""
        display(obj, **options)

    def publish_display_data(data, metadata=None, **_options):
        display(data, raw=True)

    def clear_output(wait=False):
        """Does nothing: output that was sent cannot be removed."""

    def set_matplotlib_formats(*_formats, **_options):
        """Does nothing: figures are PNG images."""

    class DisplayObject:
        mode = 'r'

        def __init__(self, data=None, url=None, filename=None, metadata=None):
            data = os.fspath(data) if isinstance(data, os.PathLike) else data
            if isinstance(data, str) and url is None and filename is None:
                if data.startswith(('http://', 'https://')):
                    url, data = data, None
                elif os.path.isfile(data):
                    filename, data = data, None
            self.data, self.url, self.filename, self.metadata = data, url, filename, metadata
            self.reload()

        def __repr__(self):
            return '<IPython.core.display.%s object>' % type(self).__name__

        def reload(self):
            if self.filename is not None:
                with open(self.filename, self.mode) as file:
                    self.data = file.read()
            elif self.url is not None:
                from urllib.request import urlopen

                with urlopen(self.url) as answer:
                    found = answer.read()
                self.data = found if self.mode == 'rb' else found.decode('utf-8', 'replace')

        def data_url(self, mime):
            import base64

            return 'data:%s;base64,%s' % (mime, base64.b64encode(self.data).decode())

    class Pretty(DisplayObject):
        def __repr__(self):
            return self.data

    class HTML(DisplayObject):
        def _repr_html_(self):
            return self.data

        __html__ = _repr_html_

    class Markdown(DisplayObject):
        def _repr_markdown_(self):
            return self.data

    class Latex(DisplayObject):
        def _repr_latex_(self):
            return self.data

    class Math(DisplayObject):
        def _repr_latex_(self):
            return r'$\displaystyle %s$' % self.data.strip('$')

    class SVG(DisplayObject):
        def _repr_svg_(self):
            text = self.data.decode() if isinstance(self.data, bytes) else self.data
            return text[max(text.find('<svg'), 0) :]

    class JSON(DisplayObject):
        def __init__(self, data=None, url=None, filename=None, **_options):
            super().__init__(data, url, filename)

        def reload(self):
            super().reload()
            if isinstance(self.data, (str, bytes)):
                import json

                self.data = json.loads(self.data)

        def _repr_json_(self):
            return self.data

    class Javascript(DisplayObject):
        """Has no representation but its text: a result has no scripts."""

        def __init__(self, data=None, url=None, filename=None, lib=None, css=None):
            super().__init__(data, None, filename)

    class Code(DisplayObject):
        def __init__(self, data=None, url=None, filename=None, language=None):
            super().__init__(data, url, filename)

        def __repr__(self):
            return self.data

        def _repr_html_(self):
            import html

            return '<pre><code>%s</code></pre>' % html.escape(self.data)

    class Image(DisplayObject):
        mode = 'rb'
        starts = {b'\x89PNG': 'png', b'\xff\xd8': 'jpeg', b'GIF8': 'gif', b'RIFF': 'webp'}

        def __init__(
            self,
            data=None,
            url=None,
            filename=None,
            format=None,
            embed=None,
            width=None,
            height=None,
            **_options,
        ):
            self.embed = embed
            self.attributes = attributes_of(width=width, height=height)
            super().__init__(data, url, filename)
            starts = self.starts if isinstance(self.data, bytes) else {}
            found = [name for start, name in starts.items() if self.data.startswith(start)]
            self.format = (found or [format or 'png'])[0].lower().replace('jpg', 'jpeg')

        def reload(self):
            if self.url is None or self.embed:
                super().reload()

        def _repr_mimebundle_(self, include=None, exclude=None):
            if self.data is None:
                return {'text/html': '<img src="%s"%s/>' % (self.url, self.attributes)}
            mime = 'image/' + self.format
            if mime in FIELDS:
                return {mime: self.data}
            return {'text/html': '<img src="%s"%s/>' % (self.data_url(mime), self.attributes)}

    class IFrame:
        def __init__(self, src, width, height, extras=None, **parameters):
            from urllib.parse import urlencode

            self.src = src + ('?' + urlencode(parameters) if parameters else '')
            self.attributes = attributes_of(width=width, height=height)

        def _repr_html_(self):
            return '<iframe src="%s"%s></iframe>' % (self.src, self.attributes)

    class YouTubeVideo(IFrame):
        def __init__(self, id, width=400, height=300, **parameters):
            super().__init__('https://www.youtube.com/embed/' + id, width, height, **parameters)

    class Video(DisplayObject):
        mode, tag, mime = 'rb', 'video', 'video/mp4'

        def __init__(self, data=None, url=None, filename=None, mimetype=None, **options):
            size = {name: options.get(name) for name in ('width', 'height')}
            self.mime, self.attributes = mimetype or self.mime, attributes_of(**size)
            super().__init__(data, url, filename)

        def reload(self):
            if self.url is None:
                super().reload()

        def _repr_html_(self):
            source = self.data_url(self.mime) if isinstance(self.data, bytes) else self.url
            html = '<{0} controls src="{1}"{2}></{0}>'
            return source and html.format(self.tag, source, self.attributes)

    class Audio(Video):
        """Has only its text if its data are samples."""

        tag, mime = 'audio', 'audio/wav'

        def __init__(self, data=None, filename=None, url=None, **_options):
            super().__init__(data, url, filename)

    class FileLink:
        def __init__(self, path, **_options):
            self.path = os.fspath(path)

        def __repr__(self):
            return os.path.abspath(self.path)

        def _repr_html_(self):
            import html

            path = html.escape(self.path)
            return '<a href="%s" target="_blank">%s</a>' % (path, path)

    return dict(locals(), TextDisplayObject=DisplayObject)
