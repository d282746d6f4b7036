"""The operations that an export and an import of the workspace make. They run in the agent.

Each one is a generator, as those of file_operations.py. None follows a link. Large files have
requests of their own, and many small entries share one.
"""

import binascii
import errno
import os
import stat

from .file_contents import contents, describe
from .file_tree import open_regular
from .inside import Inside
from .json_codec import to_json
from .protocol import CHUNK
from .system_calls import os_error, write_all


def take(request):
    with open_to_read(request['path']) as file:
        yield from contents(file.fileno())


def pack(request):
    for path in request['paths']:
        yield to_json({'path': path, **packed(path)}) + b'\n'


def packed(path):
    try:
        with open_to_read(path) as file:
            data = os.read(file.fileno(), CHUNK)
            about = describe(os.fstat(file.fileno()))
    except OSError as error:
        return failure(error)
    return {**about, 'content': binascii.b2a_base64(data, newline=False).decode()}


def place(request):
    """Gets the bytes by `send`, and None at their end."""
    with open_to_write(request) as file:
        data = yield {}
        while data is not None:
            write_all(file.fileno(), data)
            data = yield
        set_time(file.fileno(), request)


def unpack(request):
    for index, entry in enumerate(request['entries']):
        try:
            PLACES[entry['type']](entry)
        except OSError as error:
            yield to_json({'index': index, **failure(error)}) + b'\n'
            return
        yield


def place_file(entry):
    with open_to_write(entry) as file:
        write_all(file.fileno(), binascii.a2b_base64(entry['content']))
        set_time(file.fileno(), entry)


def place_folder(entry):
    with Inside(entry['path'], makes=True) as place:
        place.make_folder()
        fd = place.open_inner(place.name)
    try:
        os.fchmod(fd, entry['mode'])
        set_time(fd, entry)
    finally:
        os.close(fd)


def place_symlink(entry):
    with Inside(entry['path'], makes=True) as place:
        place.remove()
        os.symlink(entry['to'], place.name, dir_fd=place.folder)


def place_link(entry):
    with Inside(entry['to']) as file, Inside(entry['path'], makes=True) as place:
        if not stat.S_ISREG(file.mode()):
            raise os_error(errno.EINVAL)
        place.remove()
        folders = {'src_dir_fd': file.folder, 'dst_dir_fd': place.folder}
        os.link(file.name, place.name, **folders, follow_symlinks=False)


def open_to_read(path):
    with Inside(path) as place:
        return open_regular(place.name, os.O_RDONLY | os.O_NOFOLLOW, place.folder)


def open_to_write(entry):
    with Inside(entry['path'], makes=True) as place:
        place.remove()
        file = open_regular(place.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, place.folder)
    os.fchmod(file.fileno(), entry['mode'])
    return file


def set_time(fd, entry):
    if 'mtimeMs' in entry:
        time = int(entry['mtimeMs'] * 1e6)
        os.utime(fd, ns=(time, time))


def failure(error):
    return {'code': errno.errorcode.get(error.errno, 'EIO'), 'message': error.strerror}


PLACES = {
    'file': place_file,
    'directory': place_folder,
    'symlink': place_symlink,
    'link': place_link,
}
ARCHIVE_OPERATIONS = {'take': take, 'pack': pack, 'place': place, 'unpack': unpack}
