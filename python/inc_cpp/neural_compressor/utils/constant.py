"""Values for op_type_dict and op_name_dict."""

FP32 = {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}
BF16 = {"weight": {"dtype": ["bf16"]}, "activation": {"dtype": ["bf16"]}}
