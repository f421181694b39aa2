"""Constants of Intel Neural Compressor."""
