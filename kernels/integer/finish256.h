// Panels of 16 channels in pairs whose sums are finished in the registers they are in: into bytes or numbers, behind a clip or
// Gelu at most. Rounds as the contract says, but for the quotient by the scale of the output (exact_inverse()). Included once,
// behind pairs256.h and body.h.
namespace inc::kernels::INC_KERNEL_ISA {
namespace {

/// From sums to bytes, where nothing over- or underflows.
template <Output kOutput, Residual kResidual, bool kFactor, bool kGelu = false>
struct ToBytes {
  static constexpr std::int64_t kOut = 1, kAdd = size_of(kResidual);
  const Finish& f;
  const Channels c;
  Quantizer quantizer;

  explicit ToBytes(const IntegerPanel& p)
      : f(*p.finish),
        c{mul(load(p.scale), all(f.run_scale)), load(p.bias), kFactor ? load(p.factor) : all(1.0f)},
        quantizer(f.out_scale, f.inverse, f.out_zero_point, 0, 0) {
    alignas(16) std::int8_t ends[2][kLanes];
    const std::int32_t shift = kOutput == Output::Int8 ? 128 : 0, zero = f.out_zero_point + shift;
    for (std::int64_t i = 0; i < kLanes; ++i) {
      const float factor = kFactor ? p.factor[i] : 1.0f;
      const std::uint8_t a = bound(f.low * factor, f.out_scale, zero), b = bound(f.high * factor, f.out_scale, zero);
      ends[0][i] = static_cast<std::int8_t>((a < b ? a : b) - shift);
      ends[1][i] = static_cast<std::int8_t>((a < b ? b : a) - shift);
    }
    quantizer.least = _mm_load_si128(reinterpret_cast<const __m128i*>(ends[0]));
    quantizer.most = _mm_load_si128(reinterpret_cast<const __m128i*>(ends[1]));
  }

  INC_ALWAYS void operator()(Floats sums, const std::byte* addend, std::byte* dst) const {
    Floats x = add(mul(sums, c.scale), c.bias);
    if constexpr (kResidual != Residual::None) x = add(x, residual<kResidual>(f, addend));
    if constexpr (kGelu) x = gelu(x);
    if constexpr (kFactor) x = mul(x, c.factor);
    quantizer.template store<kOutput == Output::UInt8>(dst, x);
  }
};

template <Residual kResidual, bool kGelu = false>
struct ToFloats {
  static constexpr std::int64_t kOut = 4, kAdd = size_of(kResidual);
  const Finish& f;
  const Channels c;

  explicit ToFloats(const IntegerPanel& p) : f(*p.finish), c{mul(load(p.scale), all(f.run_scale)), load(p.bias), all(1.0f)} {}

  INC_ALWAYS void operator()(Floats sums, const std::byte* addend, std::byte* dst) const {
    Floats x = add(mul(sums, c.scale), c.bias);
    if constexpr (kResidual != Residual::None) x = add(x, residual<kResidual>(f, addend));
    if constexpr (kGelu) x = gelu(x);
    store(reinterpret_cast<float*>(dst), clip(f, x));
  }
};

template <class To>
struct AtOnce {
  const To to;
  const std::int64_t stride;
  IntegerTile t;
  std::byte* dst;
  const std::byte* addend;

  AtOnce(const IntegerPanel& p, const std::int32_t* initial)
      : to(p),
        stride(p.stride),
        t{.weights = p.weights,
          .band = p.band,
          .pixels = p.pixels,
          .initial = initial,
          .offsets = p.offsets,
          .pairs = p.pairs,
          .alone = p.alone},
        dst(p.dst),
        addend(p.residual) {}

  template <int kRows>
  void rows() {
    const Sums<kRows> sums(t);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      to(floats(sums.v[r][0], sums.v[r][1]), addend, dst);
      dst += stride * To::kOut, addend += stride * To::kAdd;
    }
    t.pixels += kRows;
  }

  void run(std::int64_t pixels) {
    for (; pixels >= 4; pixels -= 4) rows<4>();
    if (pixels == 1) rows<1>();
    if (pixels == 2) rows<2>();
    if (pixels == 3) rows<3>();
  }
};

template <Output kOutput, Residual kResidual>
void to_bytes(const IntegerPanel& p, const std::int32_t* initial) {
  if (p.factor != nullptr)
    AtOnce<ToBytes<kOutput, kResidual, true>>(p, initial).run(p.pixel_count);
  else
    AtOnce<ToBytes<kOutput, kResidual, false>>(p, initial).run(p.pixel_count);
}

void gelu_at_once(const IntegerPanel& p, const std::int32_t* initial) {
  switch (p.finish->output) {
    case Output::Float:
      return AtOnce<ToFloats<Residual::None, true>>(p, initial).run(p.pixel_count);
    case Output::UInt8:
      return AtOnce<ToBytes<Output::UInt8, Residual::None, false, true>>(p, initial).run(p.pixel_count);
    default:
      return AtOnce<ToBytes<Output::Int8, Residual::None, false, true>>(p, initial).run(p.pixel_count);
  }
}

template <Residual kResidual>
void run_at_once(const IntegerPanel& p, const std::int32_t* initial) {
  const Output output = p.finish->output;
  if (output == Output::Float) return AtOnce<ToFloats<kResidual>>(p, initial).run(p.pixel_count);
  if constexpr (kResidual != Residual::Float)
    return output == Output::UInt8 ? to_bytes<Output::UInt8, kResidual>(p, initial)
                                   : to_bytes<Output::Int8, kResidual>(p, initial);
}

bool takes(const IntegerPanel& p) {
  const Finish& f = *p.finish;
  if (p.offsets == nullptr || p.columns != kLanes) return false;
  const bool gelu = f.activation == IntegerActivation::Gelu;
  if (gelu ? f.residual != Residual::None || p.factor != nullptr : f.activation != IntegerActivation::None) return false;
  return f.output == Output::Float ? p.factor == nullptr : p.bounded && f.residual != Residual::Float;
}

}  // namespace

bool multiply_at_once(const IntegerPanel& p) noexcept {
  if (!takes(p)) return false;
  alignas(32) std::int32_t initial[kLanes];
  start_sums(p, initial);
  switch (p.finish->residual) {
    case Residual::None:
      p.finish->activation == IntegerActivation::Gelu ? gelu_at_once(p, initial) : run_at_once<Residual::None>(p, initial);
      break;
    case Residual::UInt8:
      run_at_once<Residual::UInt8>(p, initial);
      break;
    case Residual::Int8:
      run_at_once<Residual::Int8>(p, initial);
      break;
    case Residual::Float:
      run_at_once<Residual::Float>(p, initial);
  }
  return true;
}

}  // namespace inc::kernels::INC_KERNEL_ISA
