"""The lines of code that is in no file, for tracebacks and `inspect`. It works in programs."""

import io

from .import_hook import ImportHook


class SourceLines:
    def __init__(self):
        self.entries, self.cache = {}, None

    def install(self):
        ImportHook('linecache', self.use_cache)

    def use_cache(self, linecache):
        self.cache = linecache.cache
        self.cache.update(self.entries)

    def add(self, file, code):
        entry = (len(code), None, io.StringIO(code, None).readlines(), file)
        self.entries[file] = entry
        if self.cache is not None:
            self.cache[file] = entry


source_lines = SourceLines()
