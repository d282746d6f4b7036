"""Shows the figures of pyplot: `show()` and the end of a run show open ones. Works in programs."""

import io
import os
import sys

from .agent_socket import agent_socket
from .import_hook import ImportHook


class Figures:
    def __init__(self):
        self.shown, self.pyplot, self.display = [], None, None

    def install(self, display):
        self.display = display
        ImportHook('matplotlib.pyplot', self.use_pyplot)

    def use_pyplot(self, pyplot):
        def show(*_args, **_kwargs):  # pyplot sets attributes of it, which a method does not take
            self.show()

        pyplot.show, self.pyplot = show, pyplot

    def is_figure(self, value):
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
                if figure.axes and not any(figure is shown for shown in self.shown):
                    self.display(figure)
        finally:
            self.shown.clear()
            self.pyplot.close('all')

    def show_at_end(self):
        if self.pyplot and os.getpid() == agent_socket.pid:
            self.show()


figures = Figures()
