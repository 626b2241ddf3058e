"""The shared folder's bench_brolga.py (here base_brolga.py) with more models: graphs/*.graph."""
import base_brolga

base_brolga.INPUTS["vae"] = ("x", "e")

if __name__ == "__main__":
    base_brolga.main()
