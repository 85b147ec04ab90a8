// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title MYST: a plain ERC-20 with permit. Fixed supply, nobody can mint.
/// @dev The payment contracts take any plain ERC-20; this one is for networks that have no token yet.
contract MystToken is ERC20, ERC20Permit {
    constructor(address holder, uint256 supply) ERC20("Mysterium", "MYST") ERC20Permit("Mysterium") {
        if (supply != 0) _mint(holder, supply);
    }
}
