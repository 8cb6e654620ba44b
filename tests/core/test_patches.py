from __future__ import annotations

from jupyter_async_exec.core.patches import patch_label

ONE = """diff --git a/lib/helper.py b/lib/helper.py
index 1111111..2222222 100644
--- a/lib/helper.py
+++ b/lib/helper.py
@@ -1,2 +1,3 @@
 x = 1
--- minus
+++ plus
+y = 2
"""


def test_a_patch_of_one_file_is_told_by_its_name_and_by_how_much_it_changes() -> None:
    assert patch_label(ONE).endswith(" (lib/helper.py, +2 -1)")


def test_of_several_files_their_number_is_told() -> None:
    two = ONE + ONE.replace("helper", "other")

    assert patch_label(two).endswith(" (2 files, +4 -2)")


def test_patches_that_look_alike_have_different_labels() -> None:
    assert patch_label(ONE) == patch_label(ONE)
    assert patch_label(ONE) != patch_label(ONE.replace("y = 2", "y = 3"))
