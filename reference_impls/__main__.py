"""The command `python -m reference_impls TECHNIQUE RUN_DIR`, and `--list`."""

from posttrain.start import start

if __name__ == "__main__":
    start("reference_impls.run.cli")
