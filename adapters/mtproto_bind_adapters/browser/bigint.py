"""Powers and factors in JavaScript, whose BigInt is faster than the integers of Python in WebAssembly."""

from __future__ import annotations

__all__ = ["SLICE", "SOURCE"]

SLICE = 1 << 14
"""Steps of the search in one slice of it, about two milliseconds."""

SOURCE = """\
({
  // base ** exponent % modulus, with a window of four bits. Its time depends on all three.
  powmod(base, exponent, modulus) {
    modulus = BigInt(modulus);
    const table = [1n % modulus, BigInt(base) % modulus];
    while (table.length < 16) table.push((table[table.length - 1] * table[1]) % modulus);
    let power = table[0];
    for (const digit of BigInt(exponent).toString(16)) {
      for (let square = 0; square < 4; square++) power = (power * power) % modulus;
      if (digit !== "0") power = (power * table[parseInt(digit, 16)]) % modulus;
    }
    return power;
  },

  // The smaller factor of a product of two primes below 2 ** 64: a function to call until it gives something else than 0.
  // Each call takes `steps` steps; -1: there are no two such primes.
  factoring(number, steps) {
    const pq = BigInt(number);
    const NONE = -1n;

    function power(base, exponent, modulus) {
      let result = 1n;
      for (base %= modulus; exponent > 0n; exponent >>= 1n) {
        if (exponent & 1n) result = (result * base) % modulus;
        base = (base * base) % modulus;
      }
      return result;
    }

    // These witnesses find every composite below 2 ** 64.
    function isPrime(n) {
      if (n < 2n) return false;
      for (const small of [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n]) if (n % small === 0n) return n === small;
      let odd = n - 1n, twos = 0;
      for (; !(odd & 1n); odd >>= 1n) twos++;
      return [2n, 325n, 9375n, 28178n, 450775n, 9780504n, 1795265022n].every((witness) => {
        let value = power(witness, odd, n);
        if (witness % n === 0n || value === 1n || value === n - 1n) return true;
        for (let square = 1; square < twos; square++) {
          value = (value * value) % n;
          if (value === n - 1n) return true;
        }
        return false;
      });
    }

    function gcd(a, b) {
      if (a < 0n) a = -a;
      while (b) [a, b] = [b, a % b];
      return a;
    }

    function pair(divisor) {
      const other = pq / divisor;
      return divisor !== other && isPrime(divisor) && isPrime(other) ? (divisor < other ? divisor : other) : NONE;
    }

    let taken = 0;

    // Brent's form of Pollard's rho; where a walk finds both factors at once, another one is taken.
    function* walk(add) {
      let x, start, y = 2n, product = 1n, divisor = 1n;
      const step = (value) => (value * value + add) % pq;
      for (let length = 1; divisor === 1n; length *= 2) {
        x = y;
        for (let i = 0; i < length; i++) {
          y = step(y);
          if (++taken % steps === 0) yield;
        }
        for (let done = 0; done < length && divisor === 1n; done += 128) {
          start = y;
          for (let i = Math.min(128, length - done); i > 0; i--) {
            y = step(y);
            product = (product * (x - y)) % pq;
            if (++taken % steps === 0) yield;
          }
          divisor = gcd(product, pq);
        }
      }
      while (divisor === pq) {
        start = step(start);
        divisor = gcd(x - start, pq);
        if (divisor === pq) return 0n;
        if (divisor === 1n) divisor = pq;
      }
      return divisor;
    }

    function* search() {
      if (pq < 4n || isPrime(pq)) return NONE;
      for (let small = 2n; small < 256n; small++) if (pq % small === 0n) return pair(small);
      let root = BigInt(Math.floor(Math.sqrt(Number(pq))));
      while (root * root > pq) root--;
      while (root * root < pq) root++;
      if (root * root === pq) return NONE;
      for (let add = 1n; ; add += 2n) {
        const divisor = yield* walk(add);
        if (divisor) return pair(divisor);
      }
    }

    const searching = search();
    return () => searching.next().value ?? 0n;
  },
})
"""
