#!/usr/bin/env python3
"""Models for architectures_table.py: what torchvision and transformers call by these names, random weights, batch 1, ONNX opset 17.

    export_architectures.py FOLDER [NAME...]

Needs torch, torchvision and transformers. Those with many equal layers get fewer of them. What is there is not made again.
"""
import pathlib
import sys

import torch
import torchvision.models as vision
import transformers as hf

IMAGES = ("efficientnet_b0", "efficientnet_v2_s", "mobilenet_v3_large", "mnasnet1_0", "shufflenet_v2_x1_0", "squeezenet1_1", "densenet121",
          "resnet18", "resnext50_32x4d", "regnet_y_400mf", "regnet_x_800mf", "convnext_tiny", "swin_t", "vit_b_32")
INCEPTIONS = {"googlenet": 224, "inception_v3": 299}
SEGMENTATIONS = ("deeplabv3_mobilenet_v3_large", "lraspp_mobilenet_v3_large")
EAGER = {"attn_implementation": "eager"}
# name: (model, configuration, shape of the input; two numbers: tokens)
OTHERS = {
    "segformer_b0": (hf.SegformerForSemanticSegmentation, hf.SegformerConfig(), (1, 3, 256, 256)),
    "mobilevit_s": (hf.MobileViTModel, hf.MobileViTConfig(), (1, 3, 256, 256)),
    "swinv2": (hf.Swinv2Model, hf.Swinv2Config(depths=[2, 2, 2, 2]), (1, 3, 224, 224)),
    "poolformer": (hf.PoolFormerModel, hf.PoolFormerConfig(), (1, 3, 224, 224)),
    "levit": (hf.LevitModel, hf.LevitConfig(), (1, 3, 224, 224)),
    "pvt_v2": (hf.PvtV2Model, hf.PvtV2Config(), (1, 3, 224, 224)),
    "cvt": (hf.CvtModel, hf.CvtConfig(depth=[1, 2, 4]), (1, 3, 224, 224)),
    "dinov2_s": (hf.Dinov2Model, hf.Dinov2Config(hidden_size=384, num_attention_heads=6, num_hidden_layers=6, image_size=224, **EAGER), (1, 3, 224, 224)),
    "beit": (hf.BeitModel, hf.BeitConfig(num_hidden_layers=4, use_relative_position_bias=True, **EAGER), (1, 3, 224, 224)),
    "yolos_tiny": (hf.YolosModel, hf.YolosConfig(hidden_size=192, num_attention_heads=3, intermediate_size=768, num_hidden_layers=6, image_size=[256, 256],
                                                 **EAGER), (1, 3, 256, 256)),
    "detr": (hf.DetrForObjectDetection, hf.DetrConfig(use_timm_backbone=False, use_pretrained_backbone=False, backbone=None, encoder_layers=3, decoder_layers=3,
                                                      backbone_config=hf.ResNetConfig(out_features=["stage4"])), (1, 3, 256, 256)),
    "distilbert": (hf.DistilBertModel, hf.DistilBertConfig(**EAGER), (1, 128)),
    "minilm": (hf.BertModel, hf.BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536, **EAGER), (1, 128)),
    "mobilebert": (hf.MobileBertModel, hf.MobileBertConfig(num_hidden_layers=8), (1, 128)),
    "t5_encoder": (hf.T5EncoderModel, hf.T5Config(), (1, 128)),
    "opt": (hf.OPTModel, hf.OPTConfig(num_hidden_layers=4, vocab_size=5000, use_cache=False, **EAGER), (1, 64)),
    "whisper_encoder": (hf.models.whisper.modeling_whisper.WhisperEncoder, hf.WhisperConfig(**EAGER), (1, 80, 3000)),
    "wav2vec2": (hf.Wav2Vec2Model, hf.Wav2Vec2Config(num_hidden_layers=4, **EAGER), (1, 16000)),
    "ast": (hf.ASTModel, hf.ASTConfig(num_hidden_layers=3, max_length=512, **EAGER), (1, 512, 128)),
}
SOUND = ("wav2vec2",)


class First(torch.nn.Module):
    """The first output, or the one of that name."""

    def __init__(self, model, name=None):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, x):
        found = self.model(x)
        return found[self.name or 0] if not isinstance(found, torch.Tensor) else found


def made(name):
    if name in OTHERS:
        kind, config, shape = OTHERS[name]
        tokens = len(shape) == 2 and name not in SOUND
        return First(kind(config)), torch.randint(0, 1000, shape) if tokens else torch.randn(shape)
    if name in SEGMENTATIONS:
        return First(getattr(vision.segmentation, name)(weights=None, weights_backbone=None), "out"), torch.randn(1, 3, 256, 256)
    if name in INCEPTIONS:
        return getattr(vision, name)(weights=None, aux_logits=False, init_weights=False), torch.randn(1, 3, INCEPTIONS[name], INCEPTIONS[name])
    return getattr(vision, name)(weights=None), torch.randn(1, 3, 224, 224)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:] or [*IMAGES, *INCEPTIONS, *SEGMENTATIONS, *OTHERS]:
        target = folder / f"{name}.onnx"
        if target.exists():
            continue
        torch.manual_seed(0)
        model, x = made(name)
        for part in model.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.running_var.uniform_(0.5, 1.5)
        torch.onnx.export(model.eval(), (x,), str(target), opset_version=17, dynamo=False)
        print(target)


if __name__ == "__main__":
    main()
