"""What a call that must fail is held against."""
import errno


def fails(number, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except OSError as error:
        assert error.errno == number, error
    else:
        raise AssertionError(f"{call} should have failed with {errno.errorcode[number]}")
