"""What tests of the command line share."""
import sys
import unittest


class ToolCase(unittest.TestCase):
    def refused(self, done, code, *words):
        """Ended with the code and an error that has the words."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^error: ")
        for word in words:
            self.assertIn(word, done.stderr)


def main():
    """Runs the tests of the script; the last line is `N passed, N failed`. Returns the exit code."""
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=1).run(tests)
    for test, reason in result.skipped:
        print(f"SKIPPED {test.id()}: {reason}")
    failed = len({getattr(test, "test_case", test) for test, _ in result.failures + result.errors})
    print(f"{max(0, result.testsRun - failed - len(result.skipped))} passed, {failed} failed")
    return 1 if failed else 0
