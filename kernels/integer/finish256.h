// Panels of 16 channels in pairs whose sums are finished in the registers they are in: into bytes or numbers, behind a clip
// or Gelu at most. Rounds as the contract says, but for the quotient by the scale of the output (exact_inverse()). Included
// once, behind pairs256.h and body.h.
namespace inc::kernels::INC_KERNEL_ISA {
namespace {

/// What the clip leaves of each channel's bytes.
struct Ends {
  alignas(16) std::int8_t least[kLanes], most[kLanes];

  explicit Ends(const IntegerPanel& p) {
    const Finish& f = *p.finish;
    const std::int32_t shift = f.output == Output::Int8 ? 128 : 0, zero = f.out_zero_point + shift;
    for (std::int64_t i = 0; i < kLanes; ++i) {
      const float factor = p.factor != nullptr ? p.factor[i] : 1.0f;
      const std::uint8_t a = bound(f.low * factor, f.out_scale, zero), b = bound(f.high * factor, f.out_scale, zero);
      least[i] = static_cast<std::int8_t>((a < b ? a : b) - shift);
      most[i] = static_cast<std::int8_t>((a < b ? b : a) - shift);
    }
  }
};

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
    const Ends ends(p);
    quantizer.least = _mm_load_si128(reinterpret_cast<const __m128i*>(ends.least));
    quantizer.most = _mm_load_si128(reinterpret_cast<const __m128i*>(ends.most));
  }

  INC_ALWAYS void operator()(Floats sums, const std::byte* addend, std::byte* dst) const {
    Floats x = add(mul(sums, c.scale), c.bias);
    if constexpr (kResidual != Residual::None) x = add(x, residual<kResidual>(f, addend));
    if constexpr (kGelu) x = gelu(x);
    if constexpr (kFactor) x = mul(x, c.factor);
    quantizer.template store<kOutput == Output::UInt8>(dst, x);
  }
};

/// The same in steps of the output, two pixels at once. kPlain: the least result is 0, and so is the zero point.
template <Output kOutput, Residual kResidual, bool kPlain>
struct ToSteps {
  static constexpr std::int64_t kOut = 1, kAdd = size_of(kResidual);
  static constexpr bool kUnsigned = kOutput == Output::UInt8;
  const Finish& f;
  const Channels c;
  const __m256i zero, order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i least, most;

  explicit ToSteps(const IntegerPanel& p)
      : f(*p.finish),
        c{mul(load(p.scale), all(f.run_scale)), load(p.bias), all(1.0f)},
        zero(_mm256_set1_epi16(static_cast<short>(f.out_zero_point))) {
    const Ends ends(p);
    least = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(ends.least)));
    most = _mm256_broadcastsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(ends.most)));
  }

  INC_ALWAYS __m256i words(Floats sums, const std::byte* addend) const {
    Floats x = multiply_add(sums, c.scale, c.bias);
    if constexpr (kResidual != Residual::None) x = multiply_add(numbers<kResidual>(addend), all(f.residual_scale), x);
    const __m256i steps = _mm256_packs_epi32(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b));
    return kPlain ? steps : _mm256_adds_epi16(steps, zero);
  }
  /// One pixel in the lower half, the other in the upper one.
  INC_ALWAYS __m256i bytes(__m256i one, __m256i other) const {
    const __m256i q =
        _mm256_permutevar8x32_epi32(kUnsigned ? _mm256_packus_epi16(one, other) : _mm256_packs_epi16(one, other), order);
    if (kPlain) return _mm256_min_epu8(q, most);
    return kUnsigned ? _mm256_min_epu8(_mm256_max_epu8(q, least), most) : _mm256_min_epi8(_mm256_max_epi8(q, least), most);
  }
  INC_ALWAYS void operator()(Floats sums, const std::byte* addend, std::byte* dst) const {
    const __m256i w = words(sums, addend);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm256_castsi256_si128(bytes(w, w)));
  }
  INC_ALWAYS void two(Floats one, Floats other, const std::byte* addend, std::byte* dst, std::int64_t stride) const {
    const __m256i q = bytes(words(one, addend), words(other, addend + stride * kAdd));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm256_castsi256_si128(q));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(dst + stride), _mm256_extracti128_si256(q, 1));
  }
};

template <Residual kResidual, bool kGelu = false>
struct ToFloats {
  static constexpr std::int64_t kOut = 4, kAdd = size_of(kResidual);
  const Finish& f;
  const Channels c;

  explicit ToFloats(const IntegerPanel& p)
      : f(*p.finish), c{mul(load(p.scale), all(f.run_scale)), load(p.bias), all(1.0f)} {}

  INC_ALWAYS void operator()(Floats sums, const std::byte* addend, std::byte* dst) const {
    Floats x = add(mul(sums, c.scale), c.bias);
    if constexpr (kResidual != Residual::None) x = add(x, residual<kResidual>(f, addend));
    if constexpr (kGelu) x = gelu(x);
    store(reinterpret_cast<float*>(dst), clip(f, x));
  }
};

template <class To>
constexpr bool finishes_two = requires(const To& to, Floats x, std::byte* at) {
  to.two(x, x, at, at, 0);
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
    const auto row = [&](int r) __attribute__((always_inline)) {
      return floats(sums.v[r][0], sums.v[r][1]);
    };
    constexpr int kStep = kRows % 2 == 0 && finishes_two<To> ? 2 : 1;
#pragma GCC unroll 4
    for (int r = 0; r < kRows; r += kStep) {
      if constexpr (kStep == 2)
        to.two(row(r), row(r + 1), addend, dst, stride);
      else
        to(row(r), addend, dst);
      dst += kStep * stride * To::kOut, addend += kStep * stride * To::kAdd;
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
  const Finish& f = *p.finish;
  if (f.in_steps) {
    constexpr bool kMayBePlain = kOutput == Output::UInt8 && kResidual == Residual::None;
    if (kMayBePlain && f.out_zero_point == 0 && !(f.low > 0))
      return AtOnce<ToSteps<kOutput, kResidual, kMayBePlain>>(p, initial).run(p.pixel_count);
    return AtOnce<ToSteps<kOutput, kResidual, false>>(p, initial).run(p.pixel_count);
  }
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
