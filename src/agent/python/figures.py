"""Shows the figures of pyplot: `show()` and the end of a run show open ones. Works in programs."""

import io
import os
import sys

from .agent_socket import agent_socket
from .import_hook import ImportHook

# How many pictures a run shows: of figures that stay open, as in an animation, and of all figures.
# A picture takes 60 ms, so a thousand could take a run's whole time.
MAX_FRAMES, MAX_PICTURES = 20, 100


class Figures:
    def __init__(self):
        self.pyplot = self.show_figure = self.last = None
        self.frames = self.pictures = 0
        self.shown = None  # by figure: the hash of its last picture, and whether it is up to date

    def install(self, show_figure):
        self.show_figure = show_figure
        ImportHook('matplotlib.pyplot', self.use_pyplot)

    def use_pyplot(self, pyplot):
        def show(*_args, block=None, **_kwargs):  # pyplot sets attributes of it
            if block is None:
                block = not sys.modules['matplotlib'].is_interactive()
            self.show(block)

        def savefig(*args, **kwargs):
            """Saves the figure that `show()` has closed if there is no other."""
            is_open = self.last is None or pyplot.get_fignums()
            return (save if is_open else self.last.savefig)(*args, **kwargs)

        def switch_backend(name):
            """Draws with Agg in place of a backend that has no screen."""
            try:
                return switch(name)
            except ImportError:
                return switch('agg')

        def show_one(figure, warn=True):
            """Shows a figure of pyplot, and leaves it open. The others raise an error."""
            show_managed(figure, warn)
            self.show_if_changed(figure, False)

        figure_class = sys.modules['matplotlib.figure'].Figure
        show_managed, figure_class.show = figure_class.show, show_one
        save, switch = pyplot.savefig, pyplot.switch_backend
        pyplot.show, pyplot.savefig, pyplot.switch_backend = show, savefig, switch_backend
        self.pyplot, self.shown = pyplot, sys.modules['weakref'].WeakKeyDictionary()

    def is_visible(self, value):
        """Returns whether a value is a figure that is not empty."""
        module = sys.modules.get('matplotlib.figure')
        is_figure = module is not None and isinstance(value, module.Figure)
        return is_figure and len(value.get_children()) > 1  # the first child is the background

    def png_of(self, figure, note):
        """Returns a figure as PNG. Its warnings become notes: without a screen there are none."""
        file, warnings = io.BytesIO(), sys.modules['warnings']
        show_warning = warnings.showwarning
        warnings.showwarning = lambda message, *_, **__: note(str(message))
        try:
            # If there are no axes, matplotlib finds no tight box around the content.
            figure.savefig(file, format='png', bbox_inches='tight' if figure.axes else None)
        finally:
            warnings.showwarning = show_warning
        figure.stale = False
        figure.canvas.mpl_connect('draw_event', self.on_draw)
        self.shown[figure] = [hash(file.getvalue()), True]
        return file.getvalue()

    def on_draw(self, event):
        """A figure that is drawn is not stale any more, even if it has changed."""
        if event.canvas.figure in self.shown:
            self.shown[event.canvas.figure][1] = False

    def has_changed(self, figure):
        """Returns whether a figure may look different from its last picture."""
        return figure.stale or not self.shown.get(figure, (0, False))[1]

    def hash_of(self, figure):
        return self.shown.get(figure, (None,))[0]

    def show(self, is_last):
        """Shows the open figures. If this is the last time, they are closed."""
        opened = sys.modules['matplotlib._pylab_helpers'].Gcf
        current = opened.get_active()
        try:
            for manager in sorted(opened.get_all_fig_managers(), key=lambda each: each.num):
                self.show_if_changed(manager.canvas.figure, is_last)
        finally:
            if is_last and current:
                self.last = current.canvas.figure
                self.pyplot.close('all')

    def show_if_changed(self, figure, is_last):
        has_room = self.pictures < MAX_PICTURES and (is_last or self.frames < MAX_FRAMES)
        if has_room and self.has_changed(figure) and self.is_visible(figure):
            self.pictures += 1
            self.frames += not is_last
            self.show_figure(figure)

    def show_at_end(self):
        if self.pyplot and os.getpid() == agent_socket.pid:
            self.show(True)
        self.frames = self.pictures = 0


figures = Figures()
