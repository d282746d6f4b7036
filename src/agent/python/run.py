"""Runs the user's code once, and sends its value, its result or its error. It runs in programs."""

from .agent_socket import agent_socket
from .call import call_function
from .display import show_last
from .error_record import report_error
from .execute import execute
from .figures import figures
from .interpreter_exit import INTERRUPTED, exit_status
from .json_codec import to_utf8_json
from .value_json import Refusal


def run(task, file, names, evaluate=execute):
    """Returns the exit code, or `INTERRUPTED`. An error of the code is reported."""
    try:
        try:
            value = evaluate(task['code'], file, names)
            if task.get('call'):
                call_function(task['call'], names)
            elif value is not None:
                show_last(value)
        finally:
            figures.show_at_end()
    except SystemExit as exit:  # also of a handler of a signal that comes after the code
        return exit_status(exit.code)
    except Refusal as refusal:
        reason, message = refusal.args
        record = {'type': 'refusal', 'reason': reason, 'message': message}
        agent_socket.send_record(to_utf8_json(record))
        return 1
    except BaseException as error:
        try:
            report_error(error, file)
        except SystemExit as exit:  # of the user's `sys.excepthook`
            return exit_status(exit.code)
        except Exception:
            pass  # no text can be made of the error
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0
