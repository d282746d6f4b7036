# === import-of-a-helper
from pathlib import Path

Path('helper.py').write_text('print(__name__, __file__)\nvalue = 3\n')
import helper

print(helper.value, helper.__spec__.origin)

# === import-of-a-package
from pathlib import Path

Path('package/inner').mkdir(parents=True)
Path('package/__init__.py').write_text('from .part import name\n')
Path('package/part.py').write_text('from .inner import deep\nname = deep + " part"\n')
Path('package/inner/__init__.py').write_text('from ..other import other\ndeep = other + " deep"\n')
Path('package/other.py').write_text('other = __package__\n')
import package

print(package.name)

# === import-relative-in-the-main-module
from .helper import value

# === import-of-a-namespace-package
from pathlib import Path

Path('space').mkdir()
Path('space/part.py').write_text('value = __package__')
from space import part

print(part.value, part.__spec__.parent)

# === import-in-a-circle
from pathlib import Path

Path('a.py').write_text('import b\nx = 1\n')
Path('b.py').write_text('from a import x\n')
import a

# === import-of-a-module-that-shadows-the-library
from pathlib import Path

Path('colorsys.py').write_text('mine = True\n')
import colorsys

print(colorsys.mine)

# === import-again-after-a-change
import importlib
import os
from pathlib import Path

Path('helper.py').write_text('value = 1\n')
import helper

Path('helper.py').write_text('value = 22\n')
os.utime('helper.py', (0, 0))
importlib.reload(helper)
print(helper.value)

# === import-after-a-failed-import
import importlib
from pathlib import Path

try:
    import late
except ImportError as error:
    print(error, error.name)
Path('late.py').write_text('value = 1\n')
importlib.invalidate_caches()
import late

print(late.value)

# === import-leaves-files
from pathlib import Path

Path('helper.py').write_text('value = 1\n')
import helper

print(sorted(path.name for path in Path('.').rglob('*') if path.name != 'main.py'))

# === import-from-a-zip
import sys
import zipfile

with zipfile.ZipFile('lib.zip', 'w') as archive:
    # With a name in place of an info, the archive contains the present time.
    info = zipfile.ZipInfo('zipped.py')
    archive.writestr(info, 'value = __file__\n', zipfile.ZIP_DEFLATED)
sys.path.insert(0, 'lib.zip')
import zipped

print(zipped.value)

# === import-of-the-main-module-from-a-helper
from pathlib import Path

Path('helper.py').write_text('import __main__\nprint(__main__.value, __main__.__file__)\n')
value = 'main value'
import helper

# === import-by-a-hook
import importlib.abc
import importlib.util
import sys


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path, target=None):
        return importlib.util.spec_from_loader(name, self) if name == 'invented' else None

    def exec_module(self, module):
        module.value = 'invented value'


sys.meta_path.insert(0, Finder())
import invented

print(invented.value)

# === import-by-a-path
import importlib.util
from pathlib import Path

Path('plugins').mkdir()
Path('plugins/one.py').write_text('value = __name__\n')
spec = importlib.util.spec_from_file_location('plugin_one', 'plugins/one.py')
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.value, module)

# === import-with-a-warning
from pathlib import Path

Path('helper.py').write_text('import warnings\nwarnings.warn("from the helper", DeprecationWarning)\nwarnings.warn("old", DeprecationWarning, stacklevel=2)\n')
import helper

# === import-of-resources
from importlib import resources
from pathlib import Path

Path('package').mkdir()
Path('package/__init__.py').touch()
Path('package/data.txt').write_text('resource')
print(resources.files('package').joinpath('data.txt').read_text())

# === import-time-of-a-preloaded-module
import json
import sys

del sys.modules['json']
import json as again

print(json is again, again.loads('[1]'))

# === import-lock-in-threads
import threading
from pathlib import Path

Path('slow.py').write_text('import time\ntime.sleep(0.05)\nvalue = 1\n')
results = []


def work():
    import slow

    results.append(slow.value)


threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(results)
